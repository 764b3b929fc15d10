import { setTimeout as pause } from 'node:timers/promises';
import { boundYoungGeneration, YOUNG_MIB, youngMib } from './young-generation.ts';

// A process of its own, as V8 has one young generation for each: what it fills lives on, so that V8 would let it grow.

using _ = boundYoungGeneration();
const held: object[] = [];
const fill = (objects: number) => {
  for (let index = 0; index < objects; index++) held.push({ index });
};
while (youngMib() < YOUNG_MIB) {
  fill(30_000);
  await pause(150); // a look comes in between
}
const reached = youngMib();
await pause(150);
fill(1_000_000);
console.log(JSON.stringify({ reached, afterMuchMore: youngMib() }));
