import { cpus } from 'node:os';
import { benchCatalog } from './catalog.ts';
import { benchCrane } from './crane.ts';
import { benchManyTags } from './many-tags.ts';
import { benchS3 } from './s3.ts';
import { benchSync } from './sync.ts';

const benches = {
  sync: benchSync,
  tags: benchManyTags,
  crane: benchCrane,
  catalog: benchCatalog,
  s3: benchS3,
};

/** `npm run bench [-- NAME…]`: runs the benchmarks, all or those named, and prints one JSON document. */
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(name in benches));
if (unknown !== undefined) {
  console.error(
    `there is no benchmark ${JSON.stringify(unknown)}: there are ${Object.keys(benches).join(', ')}`,
  );
  process.exit(2);
}
const results = [];
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`running ${name} …`);
  results.push(...(await bench()));
}
console.log(
  JSON.stringify(
    { machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }, results },
    null,
    2,
  ),
);
