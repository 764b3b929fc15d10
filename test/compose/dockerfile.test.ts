import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { COMPOSE_FILE, ROOT } from './compose-model.ts';

/** What can be said of the Dockerfile by reading it. That it builds and runs, image.test.ts says. */

interface Instruction {
  readonly name: string;
  readonly text: string;
  /** The stage that it is in; of instructions before the first: the empty name. */
  readonly stage: string;
}

let instructions: Instruction[];
beforeAll(async () => {
  const text = await readFile(path.join(ROOT, 'Dockerfile'), 'utf8');
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  let stage = '';
  instructions = lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
      if (name === 'FROM') stage = / AS ([a-z]+)$/.exec(rest)?.[1] ?? 'unnamed';
      return { name, text: rest, stage };
    });
});

const all = (name: string, stage?: string) =>
  instructions.filter((one) => one.name === name && (stage === undefined || one.stage === stage));
const STAGES = ['rsync', 'manifests', 'dependencies', 'gantry'];
const RUN_STAGES = ['rsync', 'gantry'];

test('has an instruction in every line, and a name for every stage', () => {
  const known = 'ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN STOPSIGNAL USER WORKDIR'.split(
    ' ',
  );
  expect(instructions.filter(({ name }) => !known.includes(name))).toEqual([]); // no ADD, which fetches and unpacks
  expect(all('FROM').map(({ stage }) => stage)).toEqual(STAGES);
});

test('pins its bases, and fetches nothing else but by npm and apt', () => {
  const bases = all('ARG', '').map(({ text }) => text);
  expect(bases).toHaveLength(2);
  for (const base of bases)
    expect(base).toMatch(/^[A-Z_]+=docker\.io\/library\/[a-z]+:[a-z0-9.-]*\d[a-z0-9.-]+$/);
  for (const { text } of all('FROM')) expect(text).toMatch(/^\$\{(?:BUILD|RUN)_IMAGE\} AS /);
  for (const { text } of all('RUN')) expect(text).not.toMatch(/curl|wget|https?:/);
  expect(all('RUN', 'dependencies')[0]?.text).toContain('npm ci --omit=dev --ignore-scripts');
});

test('its images run as nobody, by number, and are stopped by SIGTERM', () => {
  for (const stage of RUN_STAGES) {
    expect(all('USER', stage).map(({ text }) => text)).toEqual(['10001:10001']);
    expect(all('STOPSIGNAL', stage).map(({ text }) => text)).toEqual(['SIGTERM']);
    // Nothing is made as root after that.
    const names = instructions.filter((one) => one.stage === stage).map(({ name }) => name);
    expect(names.slice(names.indexOf('USER')).filter((name) => ['RUN', 'COPY'].includes(name))).toEqual([]);
    for (const name of ['ENTRYPOINT', 'CMD'])
      for (const { text } of all(name, stage)) expect(JSON.parse(text)).toEqual(expect.any(Array));
  }
  expect(all('HEALTHCHECK', 'gantry')).toHaveLength(1);
});

test('copies from the checkout what is there and .dockerignore lets through, and from stages that are before', async () => {
  const ignored = (await readFile(path.join(ROOT, '.dockerignore'), 'utf8')).split('\n');
  const taken = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const copies = all('COPY').map(({ text, stage }) => ({
    stage,
    from: /^--from=(\S+) /.exec(text)?.[1],
    sources: text
      .replace(/^--from=\S+ /, '')
      .split(' ')
      .slice(0, -1),
  }));
  const sources = copies.filter(({ from }) => from === undefined).flatMap((copy) => copy.sources);
  expect(sources.filter((source) => !existsSync(path.join(ROOT, source)))).toEqual([]);
  const passes = (source: string) => taken.some((one) => source === one || source.startsWith(`${one}/`));
  expect(sources.filter((source) => !passes(source))).toEqual([]);
  const late = copies.filter(
    ({ from, stage }) => from !== undefined && !STAGES.slice(0, STAGES.indexOf(stage)).includes(from),
  );
  expect(late).toEqual([]);
});

test('has the stages that docker-compose.yml builds, and the version of the project', async () => {
  const compose = parse(await readFile(COMPOSE_FILE, 'utf8'), { merge: true }) as {
    services: Record<string, { build?: { target: string } }>;
  };
  const targets = new Set(Object.values(compose.services).flatMap(({ build }) => build?.target ?? []));
  expect([...targets].toSorted()).toEqual(RUN_STAGES.toSorted());
  const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(all('ARG', 'gantry').map(({ text }) => text)).toContain(`VERSION=${version}`);
});
