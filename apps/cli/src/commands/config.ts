import { configurationJsonSchema, maskSecrets, showConfiguration } from '@gantry/service';
import type { AddCommand } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';
import { loadWithWarnings } from '../remote/server-address.ts';
import { addConfigImport } from './config-import.ts';

/** `gantry config`: checks the configuration, says what it may hold and what is in force. */
export const addConfig: AddCommand = (program, cli) => {
  const command = program
    .command('config')
    .summary('check the configuration, and show it')
    .description('Checks the configuration, and shows it.')
    .addHelpText(
      'after',
      examples('gantry config check --config gantry.yaml', 'gantry config schema > gantry.schema.json'),
    );

  command
    .command('check')
    .summary('say what is wrong')
    .description(
      'Says everything that is wrong with the file and the environment, with its line, and warns of files and folders that it names and that can not be read or used here.',
    )
    .action(
      cli.act(async (options) => {
        const { file, warnings } = await loadWithWarnings(options, cli, { lookAtFiles: true });
        if (options.output === 'json') writeJson(cli.stdout, { valid: true, file: file ?? null, warnings });
        else {
          const { length } = warnings;
          const found =
            length === 0 ? 'nothing is wrong' : `valid, with ${length} warning${length === 1 ? '' : 's'}`;
          cli.stdout.write(`${file ?? 'the embedded defaults (no file)'}: ${found}\n`);
        }
        return EXIT.done;
      }),
    );

  command
    .command('schema')
    .summary('print what the file may hold, as a JSON Schema')
    .description('Prints the JSON Schema of the file.')
    .action(
      cli.act(async () => {
        writeJson(cli.stdout, configurationJsonSchema());
        return EXIT.done;
      }),
    );

  command
    .command('show')
    .summary('print what is in force')
    .description('Prints what is in force, defaults and environment included, secrets masked.')
    .action(
      cli.act(async (options) => {
        const { configuration } = await loadWithWarnings(options, cli);
        if (options.output === 'json') writeJson(cli.stdout, maskSecrets(configuration));
        else cli.stdout.write(showConfiguration(configuration));
        return EXIT.done;
      }),
    );
  addConfigImport(command, cli);
};
