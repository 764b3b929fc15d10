import { once } from 'node:events';
import { openCatalog } from './index.ts';
import { candidate, digest, manifest, promotion } from './contract/samples.ts';

/** What the tests run as another process: `node sqlite.child.ts COMMAND FILE …`. It answers in lines. */
const [command, file = '', argument = ''] = process.argv.slice(2);
const catalog = await openCatalog({ sqlite: { file } });

switch (command) {
  case 'write':
    await writeForEver(argument);
    break;
  case 'create':
    await createAtOnce(argument);
    break;
  default:
    throw new Error(`no command ${command}`);
}

/** Writes until it is killed, several at a time, and names each write that was acknowledged. */
async function writeForEver(prefix: string): Promise<never> {
  for (let at = 0; ; at++) {
    const name = `${prefix}${at}`;
    await Promise.all([
      catalog.manifests.put(manifest(name)).then(() => console.log(`manifest ${name}`)),
      catalog.candidates
        .put(candidate({ tag: name, digest: digest(name) }))
        .then(() => console.log(`candidate ${name}`)),
      catalog.promotions.create(promotion(name)).then(() => console.log(`promotion ${name}`)),
    ]);
  }
}

/** On a word from the test, creates 25 promotions with one idempotency key, and prints the answers as JSON. */
async function createAtOnce(prefix: string): Promise<void> {
  console.log('ready');
  await once(process.stdin, 'data');
  const answers = await Promise.all(
    Array.from({ length: 25 }, (_, at) =>
      catalog.promotions.create(
        promotion(`${prefix}${at}`, { idempotency: { key: 'key', body: digest('body') } }),
      ),
    ),
  );
  console.log(JSON.stringify(answers));
  await catalog[Symbol.asyncDispose]();
  process.stdin.destroy();
}
