import { randomUUID } from 'node:crypto';
import { Fault, parseReference } from '@gantry/oci';
import type { AddCommand } from '../cli.ts';
import { exitOfPlan } from '../exit-codes.ts';
import { type LocalOption, openOperations, withLocalOption } from '../open-operations.ts';
import type { PlanRequest, PromotionRequest } from '../operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { showPlan } from '../output/show-plan.ts';
import { reportPromotion } from '../output/show-promotion.ts';
import { printable } from '../output/text.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';
import { endWithPromotion } from './ended-with.ts';

interface Options extends LocalOption {
  readonly to: string;
  readonly tag?: readonly string[];
  readonly plan?: string;
  readonly ifMatch?: string;
  readonly atomic?: boolean;
  readonly dryRun?: boolean;
  readonly verbose?: boolean;
  readonly wait?: boolean;
  readonly reason?: string;
  readonly idempotencyKey?: string;
}

/** `gantry promote`: puts what was synced into a channel. */
export const addPromote: AddCommand = (program, cli) => {
  const command = program
    .command('promote')
    .summary('put what was synced into a channel')
    .description('Puts what was synced, or what is in the channel before, into a channel.')
    .argument('[references...]', 'REPO:TAG or REPO@DIGEST')
    .requiredOption('--to <channel>', 'the channel')
    .option('--tag <new...>', 'the tags that it gets there; absent: the one that it has')
    .option('--atomic', 'all or nothing')
    .option('--dry-run', 'only say what would change, as a plan that can be applied')
    .option('--verbose', 'with --dry-run: whole digests, and what would stay as it is')
    .option('--plan <id>', 'just what this plan says, if nothing of it has moved since')
    .option('--if-match <etag>', 'with --plan: only if that is its ETag')
    .option('--wait', 'until it is published')
    .option('--no-wait', 'come back as soon as it is accepted (this is the default)')
    .option('--reason <text>', 'why, for the record')
    .option('--idempotency-key <key>', 'makes a repeat of this command the same promotion')
    .addHelpText(
      'after',
      examples(
        'gantry promote fedora/httpd:2.4.63 --to stable --wait',
        'gantry promote fedora/httpd:2.4.63 --to stable --tag 2.4 latest',
        'gantry promote fedora/httpd@sha256:… --to testing --tag candidate --dry-run',
        'gantry promote --plan ID --to stable --wait',
      ),
    );
  withLocalOption(command, cli).action(
    cli.act<Options, [string[]]>(async (options, references) => {
      const request = readRequest(references, options);
      using interruption = cli.interruptible();
      await using operations = await openOperations(options, cli);
      if (options.dryRun === true && 'items' in request) {
        const plan = await operations.planPromotion(request, interruption.signal);
        if (options.output === 'json') writeJson(cli.stdout, plan);
        else showPlan(cli.stdout, plan, { verbose: options.verbose === true });
        return exitOfPlan(plan);
      }
      const terms = {
        idempotencyKey: options.idempotencyKey ?? randomUUID(),
        ...(options.ifMatch !== undefined && { ifMatch: options.ifMatch.replaceAll('"', '') }),
      };
      const following = { wait: options.wait === true, signal: interruption.signal };
      using progress = createProgressDisplay(cli.stderr, cli.env);
      const promotion = await operations.promote(request, terms, following, (now) =>
        progress.show(reportPromotion(now)),
      );
      progress[Symbol.dispose]();
      if (options.local === true && promotion.state === 'gating') {
        const again = `the same command with --idempotency-key ${terms.idempotencyKey}`;
        cli.stderr.write(
          `gantry: it waits for its gates: ${printable(again)}, or a service on the same stores, goes on with it\n`,
        );
      }
      return endWithPromotion(cli, options, promotion);
    }),
  );
};

/** @throws Fault NAME_INVALID, TAG_INVALID, DIGEST_INVALID, REQUEST_INVALID */
function readRequest(words: readonly string[], options: Options): PromotionRequest | PlanRequest {
  // `--tag` takes words up to the next option: those that can be no tag are what is to be promoted.
  const tags = options.tag?.filter((word) => !isReference(word)) ?? [];
  const references = [...words, ...(options.tag?.filter(isReference) ?? [])];
  const common = { to: options.to, ...(options.reason !== undefined && { reason: options.reason }) };
  if (options.plan !== undefined) {
    if (references.length > 0 || tags.length > 0 || options.atomic === true || options.dryRun === true) {
      throw new Fault(
        'REQUEST_INVALID',
        '--plan says all that is promoted: leave out images, --tag, --atomic and --dry-run',
      );
    }
    return { ...common, plan: options.plan };
  }
  if (options.ifMatch !== undefined)
    throw new Fault('REQUEST_INVALID', '--if-match is of a plan: name it by --plan');
  if (references.length === 0)
    throw new Fault('REQUEST_INVALID', 'what is to be promoted? Write REPO:TAG or REPO@DIGEST, or --plan ID');
  const items = references.map((text) => {
    const reference = parseReference(text);
    return {
      repository: reference.repository,
      reference: 'tag' in reference ? reference.tag : reference.digest,
      ...(tags.length > 0 && { tags }),
    };
  });
  return { ...common, items, ...(options.atomic === true && { atomic: true }) };
}

function isReference(word: string): boolean {
  return /[:@/]/.test(word);
}
