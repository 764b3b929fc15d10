import { Fault } from '@gantry/oci';
import type { Command } from 'commander';
import type { Environment, GlobalOptions } from './cli.ts';
import { createApiClient, type ApiClient } from './remote/client.ts';
import type { Operations } from './operations.ts';
import { createRemoteOperations } from './remote/remote-operations.ts';
import { findServer, loadWithWarnings, type ServerAddress } from './remote/server-address.ts';

/** Options of a command that needs no server. */
export interface LocalOption {
  readonly local?: boolean;
}

/** Declares `--local`, where there is such a thing. */
export function withLocalOption(command: Command, { openLocal }: Environment): Command {
  if (openLocal === undefined) return command;
  return command.option('--local', "without a server, on the configuration's own stores");
}

/** Who does the work: the server, or this process. */
export async function openOperations(
  options: GlobalOptions & LocalOption,
  cli: Environment,
): Promise<Operations> {
  if (options.local !== true)
    return createRemoteOperations(createApiClient(await findServerFor(options, cli)));
  if (cli.openLocal === undefined) throw new Fault('REQUEST_INVALID', '--local is not possible here');
  return cli.openLocal(await loadWithWarnings(options, cli));
}

/** A client of the server that the options name. */
export async function openClient(options: GlobalOptions, cli: Environment): Promise<ApiClient> {
  return createApiClient(await findServerFor(options, cli));
}

async function findServerFor(
  options: GlobalOptions,
  cli: Environment,
): Promise<ServerAddress & { env: Environment['env'] }> {
  return { ...(await findServer(options, cli)), env: cli.env };
}
