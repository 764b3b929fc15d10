import { digestOf } from '@gantry/oci';

/** The types of manifests that are asked for. */
const ACCEPT =
  'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';

/** Asks for something whole, as a container client would; redirects are followed. */
export type Fetch = (url: string, init?: RequestInit) => Promise<{ status: number; bytes: Uint8Array }>;

export const fetchWhole: Fetch = async (url, init) => {
  const answer = await fetch(url, init);
  return { status: answer.status, bytes: await answer.bytes() };
};

/**
 * Pulls an image whole, as container clients do: the manifest by its tag, then config and layers, each compared with its digest.
 * @param registry `http://HOST:PORT`
 * @returns the manifest's digest
 * @throws what `get` throws, and an error for any other answer than the right one
 */
export async function pullByHttp(
  registry: string,
  name: string,
  tag: string,
  get: Fetch = fetchWhole,
): Promise<string> {
  const ask = async (what: string, init?: RequestInit) => {
    const { status, bytes } = await get(`${registry}/v2/${name}/${what}`, init);
    if (status !== 200) throw new Error(`${name}/${what}: ${status} ${Buffer.from(bytes).toString()}`);
    return bytes;
  };
  const manifest = await ask(`manifests/${tag}`, { headers: { accept: ACCEPT } });
  const { config, layers } = JSON.parse(Buffer.from(manifest).toString()) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  for (const { digest } of [config, ...layers]) {
    const got = digestOf(await ask(`blobs/${digest}`));
    if (got !== digest) throw new Error(`${name}: ${digest} came as ${got}`);
  }
  return digestOf(manifest);
}
