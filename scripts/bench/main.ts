import { cpus } from 'node:os';
import { benchApi } from './api.ts';
import { benchCatalog } from './catalog.ts';
import { benchCrane } from './crane.ts';
import { benchCraneChoice } from './crane-choice.ts';
import { benchCraneScale } from './crane-scale.ts';
import { benchCraneWorkers } from './crane-workers.ts';
import { benchManyTags } from './many-tags.ts';
import { benchGc } from './gc.ts';
import { benchHidden } from './hidden.ts';
import { benchMirror } from './mirror.ts';
import { benchPlans } from './plans.ts';
import { benchPromotions } from './promotions.ts';
import { benchPublish } from './publish.ts';
import { benchRedirectJson } from './redirect-json.ts';
import { benchS3 } from './s3.ts';
import { benchSearch } from './search.ts';
import { benchSync } from './sync.ts';
import { benchVerify } from './verify.ts';

const benches = {
  sync: benchSync,
  tags: benchManyTags,
  crane: benchCrane,
  'crane-scale': benchCraneScale,
  'crane-choice': benchCraneChoice,
  workers: benchCraneWorkers,
  catalog: benchCatalog,
  s3: benchS3,
  promotions: () => benchPromotions(),
  plans: () => benchPlans(),
  api: () => benchApi(),
  gc: () => benchGc(),
  mirror: benchMirror,
  verify: benchVerify,
  publish: () => benchPublish(),
  hidden: benchHidden,
  'redirect-json': benchRedirectJson,
  search: benchSearch,
};

/** `npm run bench [-- NAME…]`: runs the benchmarks, all or those named, and prints one JSON document. */
const wanted = process.argv.slice(2);
const names = Object.keys(benches).join(', ');
if (wanted.some((word) => word === '--help' || word === '-h')) {
  console.log(`Usage: npm run bench [-- NAME…]

Runs the benchmarks, all or those named, and prints one JSON document. There are ${names}.
What each measures and needs stands in docs/benchmarks.md.`);
  process.exit(0);
}
const unknown = wanted.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  console.error(`there is no benchmark ${JSON.stringify(unknown)}: there are ${names}`);
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
