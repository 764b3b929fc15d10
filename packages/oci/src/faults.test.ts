import { asFault, Fault, type FaultCode, FAULTS, problemType, toProblem } from './faults.ts';

const codes = Object.keys(FAULTS) as FaultCode[];

describe('The table of faults', () => {
  test('gives each code a title, an HTTP error status and a failing exit code', () => {
    for (const code of codes) {
      const { title, status, exit } = FAULTS[code];
      expect([code, title]).toEqual([code, expect.stringMatching(/^[A-Z][^.]+[^.\s]$/)]);
      expect([code, status >= 400 && status <= 599]).toEqual([code, true]);
      expect([code, [1, 2, 3, 70, 75].includes(exit)]).toEqual([code, true]);
    }
  });

  test('has no title twice and no problem type twice', () => {
    expect(new Set(codes.map((code) => FAULTS[code].title)).size).toBe(codes.length);
    expect(new Set(codes.map(problemType)).size).toBe(codes.length);
    for (const code of codes)
      expect(problemType(code)).toMatch(/^urn:gantry:problem:[a-z0-9]+(?:-[a-z0-9]+)*$/);
  });

  test('says "try again" by the same rule to programs and to shells', () => {
    for (const code of codes)
      expect([code, new Fault(code, '').retry]).toEqual([code, FAULTS[code].exit === 75]);
  });
});

describe('A problem document', () => {
  test('carries the type, the title, the status, the message and the details of its fault', () => {
    const fault = new Fault('NAME_UNKNOWN', 'there is no repository "a"', { repository: 'a' });
    expect(toProblem(fault)).toEqual({
      type: 'urn:gantry:problem:name-unknown',
      title: 'No such repository',
      status: 404,
      detail: 'there is no repository "a"',
      repository: 'a',
    });
  });

  test('is not overruled by details', () => {
    const fault = new Fault('DENIED', 'no', { type: 'x', title: 'x', status: 200, detail: 'x' });
    expect(toProblem(fault)).toEqual({
      type: 'urn:gantry:problem:denied',
      title: 'Not allowed',
      status: 403,
      detail: 'no',
    });
  });

  test('of any other error is that of a defect', () => {
    expect(toProblem(new TypeError('x is undefined'))).toMatchObject({
      type: 'urn:gantry:problem:internal',
      status: 500,
      detail: 'x is undefined',
    });
  });
});

describe('Any error', () => {
  test('that is a fault stays what it is', () => {
    const fault = new Fault('CONFLICT', 'no');
    expect(asFault(fault)).toBe(fault);
  });

  test.each(['ENOSPC', 'EDQUOT'])('that says %s is a full disk, which names the path', (code) => {
    const error = Object.assign(new Error('write'), { code, path: '/data/blobs/x' });
    expect(asFault(error)).toMatchObject({
      code: 'STORAGE_FULL',
      message: 'no space left for /data/blobs/x',
      details: { path: '/data/blobs/x' },
      cause: error,
      retry: true,
    });
    expect(asFault(Object.assign(new Error('write'), { code })).message).toBe('no space left');
  });

  test('that says so of a copy names where it was to go, and not what was copied', () => {
    const error = Object.assign(new Error('copyfile'), { code: 'ENOSPC', path: '/store/x', dest: '/tree/x' });
    expect(asFault(error)).toMatchObject({
      message: 'no space left for /tree/x',
      details: { path: '/tree/x' },
    });
  });

  test.each([undefined, null, 'text', 7, { code: 'ENOSPC' }, new Error('other')])(
    'such as %p is a defect, with its cause',
    (error) => {
      expect(asFault(error)).toMatchObject({ code: 'INTERNAL', cause: error });
    },
  );
});
