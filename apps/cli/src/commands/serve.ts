import { Argument } from 'commander';
import type { AddCommand } from '../cli.ts';
import { examples } from '../program.ts';
import { type ServiceName, SERVICES } from '../serve/service-names.ts';

interface ServeOptions {
  readonly config?: string;
  readonly demo?: boolean;
}

/** `gantry serve`: runs one service, or all in this process, until SIGTERM or Ctrl-C. */
export const addServe: AddCommand = (program, cli) => {
  program
    .command('serve')
    .summary('run one service, or all in one process')
    .description('Runs until SIGTERM or Ctrl-C. Without a configuration everything is kept under ./data.')
    .addArgument(new Argument('<service>', 'which').choices(SERVICES))
    .option(
      '--demo',
      'where no source is configured: sync sample images, promote one, and say how to pull it',
    )
    .addHelpText('after', examples('gantry serve all', 'gantry serve crane --config crane.yaml'))
    .action(
      cli.act<ServeOptions, [ServiceName]>(async (options, service) => {
        const { serve } = await import('../serve/serve.ts'); // a client command need not load the services
        return serve(cli, service, options);
      }),
    );
};
