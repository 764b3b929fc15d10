import { Fault } from '@gantry/oci';
import { createLogger, type Logger, logLevelOf } from './logging.ts';

let lines: string[];
let log: Logger;
beforeEach(() => {
  lines = [];
  log = createLogger({ name: 'crane', level: 'debug', destination: { write: (line) => lines.push(line) } });
});

function written(): Record<string, unknown> {
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

describe('log lines', () => {
  test('a line is one JSON object with time, level, service and message', () => {
    log.info({ repository: 'a/b' }, 'synced');
    const line = written();
    expect(line).toMatchObject({ level: 'info', service: 'crane', msg: 'synced', repository: 'a/b' });
    expect(new Date(String(line['time'])).toISOString()).toBe(line['time']);
  });

  test('whatever a caller sends stays on its line', () => {
    const agent = 'x\n{"level":"fatal"}\r\u001b[31m\u2028\u2029';
    log.info({ agent }, agent);
    const [line = ''] = lines;
    expect(line.endsWith('\n')).toBe(true);
    // eslint-disable-next-line no-control-regex
    expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u2028\u2029]/);
    expect(written()).toMatchObject({ agent, msg: agent });
  });

  test('credentials under their usual names are left out', () => {
    const headers = {
      authorization: 'Bearer hunter2',
      'proxy-authorization': 'hunter2',
      cookie: 'hunter2',
      host: 'h',
    };
    log.info(
      { req: { headers }, headers, password: 'hunter2', user: { token: 'hunter2' }, 'set-cookie': 'hunter2' },
      'x',
    );
    expect(lines[0]).not.toContain('hunter2');
    expect(written()).toMatchObject({ req: { headers: { host: 'h', authorization: '***' } } });
  });

  test('a fault is shown with its code, details and causes, without a stack; passwords in addresses are taken out', () => {
    const cause = new AggregateError([new Error('refused by https://u:hunter2@r.example/v2/')], '');
    log.warn(
      { err: new Fault('SOURCE_UNREACHABLE', 'no answer', { source: 'a' }, { cause }) },
      'sync failed',
    );
    expect(lines[0]).not.toContain('hunter2');
    expect(written()['err']).toEqual({
      type: 'Fault',
      code: 'SOURCE_UNREACHABLE',
      message: 'no answer',
      details: { source: 'a' },
      cause: {
        type: 'AggregateError',
        message: '',
        errors: [{ type: 'Error', message: 'refused by https://***@r.example/v2/' }],
      },
    });
  });

  test('what we did not foresee is shown with its stack, and a cause that is its own cause ends', () => {
    const error = new Error('boom');
    error.cause = error;
    log.error({ err: error }, 'failed');
    expect(written()['err']).toMatchObject({
      type: 'Error',
      message: 'boom',
      stack: expect.stringContaining('logging.test.ts') as string,
    });
  });

  test('lines below the level are not written', () => {
    log.trace('x');
    expect(lines).toEqual([]);
  });
});

describe('GANTRY_LOG_LEVEL', () => {
  test('is info when it is not set, and refused when it is none', () => {
    expect(logLevelOf({})).toBe('info');
    expect(logLevelOf({ GANTRY_LOG_LEVEL: '' })).toBe('info');
    expect(logLevelOf({ GANTRY_LOG_LEVEL: 'DEBUG' })).toBe('debug');
    expect(() => logLevelOf({ GANTRY_LOG_LEVEL: 'loud' })).toThrow('"loud" is none of trace, debug');
  });
});
