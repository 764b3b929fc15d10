import { overlay, readEnvironment, variablesOf } from './environment.ts';
import { configurationJsonSchema } from './schema.ts';
import type { SchemaShape } from './schema-shape.ts';

const shape: SchemaShape = configurationJsonSchema();

/** A section with two engines, as later ones have. */
const twoEngines: SchemaShape = {
  type: 'object',
  properties: {
    catalog: {
      type: 'object',
      properties: {
        sqlite: { type: 'object', properties: { file: { type: 'string' } } },
        mongodb: { type: 'object', properties: { url: { type: 'string' } } },
        name: { type: 'string' },
      },
    },
  },
};
const engines = { catalog: ['sqlite', 'mongodb'] };

describe('variables', () => {
  test('each key has one of its own, camelCase as _', () => {
    const variables = variablesOf(shape);
    expect(variables.get('GANTRY_CRANE_ADMIN_LISTEN')?.path).toEqual(['crane', 'adminListen']);
    expect(variables.get('GANTRY_STORAGE_FILESYSTEM_ROOT')?.path).toEqual(['storage', 'filesystem', 'root']);
    const paths = [...variables.values()].map(({ path }) => path.join('.'));
    const keys = (at: SchemaShape): number =>
      Object.values(at.properties ?? {}).reduce((count, inner) => count + 1 + keys(inner), 0);
    expect(new Set(paths).size).toBe(keys(shape));
  });

  test('whole maps come before keys in them, in whatever order the environment has them', () => {
    const { settings } = readEnvironment(
      { GANTRY_TREE_REFRESH: '1h', GANTRY_TREE: '{"refresh":"2h"}' },
      shape,
    );
    expect(overlay({}, settings, {})).toEqual({ tree: { refresh: '1h' } });
  });
});

describe('engines', () => {
  test("an engine from the environment replaces the file's", () => {
    const { settings } = readEnvironment({ GANTRY_CATALOG_MONGODB_URL: 'mongodb://db' }, twoEngines);
    const file = { catalog: { sqlite: { file: 'x' }, name: 'n' } };
    expect(overlay(file, settings, engines)).toEqual({
      catalog: { mongodb: { url: 'mongodb://db' }, name: 'n' },
    });
    expect(file).toEqual({ catalog: { sqlite: { file: 'x' }, name: 'n' } });
  });

  test('a key of the engine that the file has leaves the rest of it', () => {
    const { settings } = readEnvironment({ GANTRY_CATALOG_NAME: 'm' }, twoEngines);
    expect(overlay({ catalog: { sqlite: { file: 'x' } } }, settings, engines)).toEqual({
      catalog: { sqlite: { file: 'x' }, name: 'm' },
    });
  });

  test('what is no map in the file stays, to be told of', () => {
    const { settings } = readEnvironment({ GANTRY_CATALOG_MONGODB_URL: 'mongodb://db' }, twoEngines);
    expect(overlay({ catalog: 5 }, settings, engines)).toEqual({ catalog: 5 });
  });
});
