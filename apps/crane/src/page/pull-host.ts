const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/i;

/** What stands in a pull command when the client did not say by which name it came here. */
const UNKNOWN_HOST = 'REGISTRY';

/**
 * The host that people pull from: the configured name; the Host header where that names the same host with a port, or no
 * name is configured.
 */
export function pullHost(hostHeader: string | undefined, publicName: string | undefined): string {
  const asked = hostHeader !== undefined && HOST.test(hostHeader) ? hostHeader.toLowerCase() : undefined;
  if (publicName === undefined) return asked ?? UNKNOWN_HOST;
  const own = publicName.toLowerCase();
  return asked?.startsWith(`${own}:`) === true ? asked : own;
}
