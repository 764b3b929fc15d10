import { randomUUID } from 'node:crypto';
import { Fault, parseReference } from '@gantry/oci';
import type { AddCommand } from '../cli.ts';
import { EXIT, exitOfPlan, exitOfPromotion } from '../exit-codes.ts';
import { type LocalOption, openOperations, withLocalOption } from '../open-operations.ts';
import type { PromotionRequest } from '../operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportPromotion, showPlan, showPromotion } from '../output/show-promotion.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';

interface Options extends LocalOption {
  readonly to: string;
  readonly tag?: readonly string[];
  readonly atomic?: boolean;
  readonly dryRun?: boolean;
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
    .option('--dry-run', 'only say what would change')
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
      ),
    );
  withLocalOption(command, cli).action(
    cli.act<Options, [string[]]>(async (options, references) => {
      const request = readRequest(references, options);
      using interruption = cli.interruptible();
      await using operations = await openOperations(options, cli);
      if (options.dryRun === true) {
        const plan = await operations.planPromotion(request, interruption.signal);
        if (options.output === 'json') writeJson(cli.stdout, plan);
        else showPlan(cli, plan);
        return exitOfPlan(plan, request.atomic === true);
      }
      const following = { wait: options.wait === true, signal: interruption.signal };
      using progress = createProgressDisplay(cli.stderr, cli.env);
      const promotion = await operations.promote(
        request,
        options.idempotencyKey ?? randomUUID(),
        following,
        (now) => progress.show(reportPromotion(now)),
      );
      progress[Symbol.dispose]();
      if (options.output === 'json') writeJson(cli.stdout, promotion);
      else showPromotion(cli, promotion);
      return following.wait ? exitOfPromotion(promotion) : EXIT.done;
    }),
  );
};

/** @throws Fault NAME_INVALID, TAG_INVALID, DIGEST_INVALID, REQUEST_INVALID */
function readRequest(words: readonly string[], options: Options): PromotionRequest {
  // `--tag` takes words up to the next option: those that can be no tag are what is to be promoted.
  const tags = options.tag?.filter((word) => !isReference(word)) ?? [];
  const references = [...words, ...(options.tag?.filter(isReference) ?? [])];
  if (references.length === 0)
    throw new Fault('REQUEST_INVALID', 'what is to be promoted? Write REPO:TAG or REPO@DIGEST');
  const items = references.map((text) => {
    const reference = parseReference(text);
    return {
      repository: reference.repository,
      reference: 'tag' in reference ? reference.tag : reference.digest,
      ...(tags.length > 0 && { tags }),
    };
  });
  return {
    items,
    to: options.to,
    ...(options.atomic === true && { atomic: true }),
    ...(options.reason !== undefined && { reason: options.reason }),
  };
}

function isReference(word: string): boolean {
  return /[:@/]/.test(word);
}
