import { type ServerProcess, startProcess } from './process.ts';

/** HAProxy with these configuration files, in the foreground. `url` is where one of them has it listen. */
export async function startHaproxy(
  files: readonly string[],
  url: string,
): Promise<ServerProcess & { readonly url: string }> {
  const server = await startProcess({
    name: 'haproxy',
    command: 'haproxy',
    args: ['-db', ...files.flatMap((file) => ['-f', file])],
    ready: async () => (await fetch(url, { method: 'HEAD' })).status > 0,
  });
  return { ...server, url };
}
