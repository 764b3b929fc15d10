import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import * as fc from 'fast-check';
import { canonicalBytes } from './canonical-json.ts';
import { directoryTree } from './directory-source.ts';
import { readPublicKey, readSigningKey } from './keys.ts';
import { layTree } from './lay-tree.ts';
import { openTree } from './open-tree.ts';
import { POINTER_PATH, serialPath } from './paths.ts';
import { ONE } from './sample-history.fixture.ts';
import { sampleRepository } from './sample-content.fixture.ts';
import { findSignatureProblem, signStatement } from './signatures.ts';
import { decodeStatement, encodeStatement } from './statement.ts';
import { verifyTree } from './verify.ts';

const newKey = () =>
  readSigningKey(
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'of the test',
  );
const [OLD, NEXT, STRANGER] = [newKey(), newKey(), newKey()];

async function vector(name: string): Promise<Buffer> {
  return readFile(new URL(`../../../test/vectors/tree/${name}`, import.meta.url));
}

/** The vector's statement, signed anew. */
async function signedBy(...keys: (typeof OLD)[]): Promise<Uint8Array> {
  return encodeStatement(signStatement(decodeStatement(await vector('statement-signed.json')), keys)).bytes;
}

/** A statement with members changed by hand, in canonical form. */
function changed(bytes: Uint8Array, change: object): Uint8Array {
  return canonicalBytes({ ...(JSON.parse(Buffer.from(bytes).toString()) as object), ...change });
}

describe('the signed vector', () => {
  test('is trusted by its key, and made by it to the byte', async () => {
    const bytes = await vector('statement-signed.json');
    const key = readSigningKey((await vector('signing-key.pem')).toString(), 'of the vectors');
    const publicKey = readPublicKey((await vector('public-key.pem')).toString(), 'of the vectors');
    expect(findSignatureProblem(bytes, [publicKey])).toBeUndefined();
    const statement = decodeStatement(bytes);
    expect(statement.signatures).toEqual([{ keyid: publicKey.keyid, sig: expect.any(String) as string }]);
    const again = encodeStatement(signStatement({ ...statement, signatures: [] }, [key]));
    expect(Buffer.from(again.bytes).toString()).toBe(bytes.toString());
  });

  test('with any byte changed, put in or taken out is refused', async () => {
    const bytes = await vector('statement-signed.json');
    const publicKey = readPublicKey((await vector('public-key.pem')).toString(), 'of the vectors');
    const isRefused = (tampered: Uint8Array) => {
      try {
        return findSignatureProblem(tampered, [publicKey]) !== undefined;
      } catch (error) {
        return error instanceof Fault;
      }
    };
    const at = fc.nat({ max: bytes.length - 1 });
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from(' \n0Aa"+/=')));
    fc.assert(
      fc.property(at, byte, fc.constantFrom('change', 'put in', 'take out'), (index, value, how) => {
        const [before, after] = [bytes.subarray(0, index), bytes.subarray(index + 1)];
        const middle = how === 'take out' ? [] : [value];
        const rest = how === 'put in' ? [bytes[index] ?? 0] : [];
        const tampered = Buffer.concat([before, Buffer.from([...middle, ...rest]), after]);
        expect(isRefused(tampered)).toBe(!tampered.equals(bytes));
      }),
      { numRuns: 5000 },
    );
    // Each byte in turn, too: 5,000 at random leave some out.
    for (let index = 0; index < bytes.length; index++) {
      const tampered = Buffer.from(bytes);
      tampered[index] = (tampered[index] ?? 0) ^ 1;
      expect([index, isRefused(tampered)]).toEqual([index, true]);
    }
  });
});

describe('a statement', () => {
  test('signed by two keys is trusted by whoever knows one of them', async () => {
    const bytes = await signedBy(OLD, NEXT);
    for (const keys of [[OLD], [NEXT], [OLD, NEXT], [STRANGER, NEXT]])
      expect(findSignatureProblem(bytes, keys)).toBeUndefined();
    expect(decodeStatement(bytes).signatures.map(({ keyid }) => keyid)).toEqual([OLD.keyid, NEXT.keyid]);
  });

  test('signed again keeps no former signature', async () => {
    const again = signStatement(decodeStatement(await signedBy(OLD)), [NEXT]);
    expect(again.signatures.map(({ keyid }) => keyid)).toEqual([NEXT.keyid]);
    expect(signStatement(again, []).signatures).toEqual([]);
  });

  test('is refused with the keys named', async () => {
    const none = await signedBy();
    expect(findSignatureProblem(none, [OLD])).toEqual({
      kind: 'unsigned',
      why: `it is not signed, and must be by ${OLD.keyid}`,
    });
    expect(findSignatureProblem(await signedBy(STRANGER), [OLD, NEXT])).toEqual({
      kind: 'unknown-key',
      why: `it is signed by "${STRANGER.keyid}" alone, and must be by ${OLD.keyid}, ${NEXT.keyid}`,
    });
  });

  test("with a trusted key's id above another signature is refused, also beside a right one", async () => {
    const bytes = await signedBy(OLD, STRANGER);
    const [old, stranger] = decodeStatement(bytes).signatures;
    const forged = { keyid: NEXT.keyid, sig: stranger?.sig ?? '' };
    for (const signatures of [[forged], [old ?? forged, forged], [forged, old ?? forged]]) {
      expect(findSignatureProblem(changed(bytes, { signatures }), [OLD, NEXT])).toEqual({
        kind: 'wrong-signature',
        why: `the signature by ${NEXT.keyid} is not of these bytes`,
      });
    }
  });

  test('with a member that this version does not know is signed with it', async () => {
    const bytes = await signedBy(OLD);
    expect(findSignatureProblem(changed(bytes, { mood: 'good' }), [OLD])?.kind).toBe('wrong-signature');
  });
});

describe('a tree that is signed', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'gantry-signed-'));
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });
  const lay = (signing: (typeof OLD)[]) =>
    layTree(root, { repositories: [sampleRepository('app', { latest: ONE })], signing });

  test('is opened by who trusts its key, and by who asks for none', async () => {
    await lay([]);
    await lay([OLD]);
    const source = directoryTree(root);
    for (const trustedKeys of [[OLD], [NEXT, OLD], []])
      expect((await openTree(source, { trustedKeys }))?.statement.serial).toBe(2);
    expect(await verifyTree(source, { trustedKeys: [OLD] })).toMatchObject({ errors: 0, warnings: 0 });
  });

  /** Puts other signatures above what the pointer says. */
  async function resign(change: (signatures: readonly object[]) => readonly object[]): Promise<void> {
    const file = path.join(root, POINTER_PATH);
    const bytes = await readFile(file);
    const { signatures } = decodeStatement(bytes);
    await rm(file);
    await writeFile(file, changed(bytes, { signatures: change(signatures) }));
  }

  test.each([
    [
      'one that counts for nothing was put beside',
      (all: readonly object[]) => [...all, { keyid: 'x', sig: 'y' }],
    ],
    ['one of two was taken away', (all: readonly object[]) => all.slice(1)],
    ['they were turned round', (all: readonly object[]) => all.toReversed()],
  ])('is followed on when %s: no signature but the right ones can make a fork', async (_, change) => {
    await lay([OLD, NEXT]);
    const source = directoryTree(root);
    const right = await openTree(source, { trustedKeys: [OLD, NEXT] });
    if (right === undefined) throw new Error('there is a tree');
    await resign(change);
    const tampered = await openTree(source, { trustedKeys: [OLD, NEXT] });
    if (tampered === undefined) throw new Error('there is a tree');
    expect(tampered.digest).not.toBe(right.digest);
    expect(await openTree(source, { trustedKeys: [OLD, NEXT], previous: right })).toBe(right);
    await expect(openTree(source, { previous: right })).rejects.toThrow(/fork/);

    await rm(path.join(root, POINTER_PATH));
    await copyFile(path.join(root, serialPath(1)), path.join(root, POINTER_PATH));
    await lay([OLD, NEXT]);
    const next = await openTree(source, { trustedKeys: [OLD, NEXT], previous: tampered });
    expect(next?.statement.serial).toBe(2);
    await expect(openTree(source, { previous: tampered })).rejects.toThrow(/fork/);
  });

  test('is refused as a fork when its own publisher has made two histories', async () => {
    const source = directoryTree(root);
    await lay([OLD]);
    const first = await openTree(source);
    await rm(root, { recursive: true });
    await layTree(root, { repositories: [], signing: [OLD] });
    const again = { trustedKeys: [OLD], ...(first && { previous: first }) };
    await expect(openTree(source, again)).rejects.toThrow(/it is a fork/);
    await lay([OLD]);
    await expect(openTree(source, again)).rejects.toThrow(/it is a fork/);
  });

  test.each([
    ['unsigned', 'nobody', []],
    ['unknown-key', 'a stranger', [STRANGER]],
  ])(
    '%s: by %s it is refused, and verify says so beside all else that is wrong',
    async (kind, _, signing) => {
      await lay([OLD]);
      await lay(signing);
      await writeFile(path.join(root, 'stray'), 'x');
      const source = directoryTree(root);
      await expect(openTree(source, { trustedKeys: [OLD] })).rejects.toMatchObject({
        code: 'TREE_INVALID',
        details: { signature: kind, serial: 2 },
      });
      const result = await verifyTree(source, { trustedKeys: [OLD] });
      expect(result.findings.map((finding) => [finding.kind, finding.path])).toEqual([
        [kind, POINTER_PATH],
        ['extra', 'stray'],
      ]);
      expect(result.findings[0]?.message).toContain(OLD.keyid);
      expect(result.statement?.serial).toBe(2);
    },
  );
});
