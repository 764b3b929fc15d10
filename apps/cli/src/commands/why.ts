import { Fault, parseReference } from '@gantry/oci';
import { readAnswer, readPromotion } from '../answers.ts';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import type { DecisionAnswer } from '../gate-answers.ts';
import { openClient } from '../open-operations.ts';
import { showDecision } from '../output/show-decision.ts';
import { isPassed, remedies, showVerdicts } from '../output/show-gates.ts';
import { showSerialAtMirrors } from '../output/show-mirrors.ts';
import { summary, tellPromotionProblems } from '../output/show-promotion.ts';
import { printable } from '../output/text.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';

interface Options {
  readonly to?: string;
  readonly tag?: readonly string[];
}

/** `gantry why`: what gates say of a promotion, or would say of an image. */
export const addWhy: AddCommand = (program, cli) => {
  program
    .command('why')
    .summary('explain what gates say, of a promotion or beforehand')
    .description(
      'Explains what each gate says of a promotion, or, with --to, what it would say of an image now: what is satisfied, what is missing, and by what evidence.',
    )
    .argument('<promotion-or-images...>', "a promotion's id; with --to REPO:TAG or REPO@DIGEST")
    .option('--to <channel>', 'the channel that images are to come into')
    .option('--tag <new...>', 'with --to: the tags that they would get there')
    .addHelpText('after', examples('gantry why ID', 'gantry why fedora/httpd:2.4.63 --to stable'))
    .action(
      cli.act<Options, [readonly string[]]>((options, words) =>
        options.to === undefined
          ? ofPromotion(cli, options, words)
          : beforehand(cli, options, options.to, words),
      ),
    );
};

async function ofPromotion(cli: Cli, options: GlobalOptions, words: readonly string[]): Promise<number> {
  const [id = '', ...more] = words;
  if (more.length > 0 || /[:@/]/.test(id))
    throw new Fault('REQUEST_INVALID', 'name one promotion by its id, or images and the channel by --to');
  using interruption = cli.interruptible();
  await using client = await openClient(options, cli);
  const path = `/api/v1/promotions/${encodeURIComponent(id)}`;
  const promotion = readPromotion(await client.get(path, {}, interruption.signal));
  if (options.output === 'json') writeJson(cli.stdout, promotion);
  else {
    cli.stdout.write(`${printable(summary(promotion))}\n`);
    showVerdicts(cli.stdout, promotion.gates);
    if (promotion.gates.length === 0) cli.stdout.write('no gate was asked\n');
    showSerialAtMirrors(cli, promotion.mirrors ?? []);
    tellPromotionProblems(cli.stderr, promotion);
    const commands = remedies(promotion);
    if (commands.length > 0) cli.stdout.write('what may help:\n');
    for (const command of commands) cli.stdout.write(`  ${printable(command)}\n`);
  }
  return promotion.state !== 'refused' && promotion.gates.every(isPassed) ? EXIT.done : EXIT.refused;
}

async function beforehand(
  cli: Cli,
  options: Options & GlobalOptions,
  to: string,
  words: readonly string[],
): Promise<number> {
  const items = words.map((word) => {
    const image = parseReference(word);
    return {
      repository: image.repository,
      reference: 'tag' in image ? image.tag : image.digest,
      ...(options.tag !== undefined && { tags: options.tag }),
    };
  });
  using interruption = cli.interruptible();
  await using client = await openClient(options, cli);
  const body = { items, to, ...(options.output === 'json' && { verbose: true }) };
  const answer = await client.post('/api/v1/decisions', body, interruption.signal);
  const decision = readAnswer<DecisionAnswer>(answer, 'a decision', {
    policies_satisfied: 'boolean',
    summary: 'string',
    unsatisfied_requirements: 'object',
    subjects: 'object',
  });
  if (options.output === 'json') writeJson(cli.stdout, decision);
  else showDecision(cli.stdout, decision);
  return decision.policies_satisfied ? EXIT.done : EXIT.refused;
}
