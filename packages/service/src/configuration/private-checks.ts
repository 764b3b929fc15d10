import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';

const PRIVATE: KeyPath = ['crane', 'private'];

/** What is wrong with what is private, beside what the schema finds. */
export function privateProblems(crane: Readonly<Record<string, unknown>>): Problem[] {
  return [
    ...(isRecord(crane['private']) ? credentialProblems(crane['private'], crane) : []),
    ...signedProblems(crane),
  ];
}

function credentialProblems(
  { readers, tokens, certificates, htpasswdFile, challenge }: Readonly<Record<string, unknown>>,
  { tls, trustedProxies }: Readonly<Record<string, unknown>>,
): Problem[] {
  const problems: Problem[] = [];
  if (Array.isArray(readers)) {
    for (const [index, entry] of (readers as unknown[]).entries()) {
      if (isRecord(entry) && entry['users'] === undefined && entry['groups'] === undefined)
        problems.push({
          path: [...PRIVATE, 'readers', index],
          message: 'is not complete: it needs users or groups',
        });
    }
  }
  if (isRecord(tokens) && tokens['keyFiles'] === undefined && tokens['jwksUri'] === undefined)
    problems.push({ path: [...PRIVATE, 'tokens'], message: 'is not complete: it needs keyFiles or jwksUri' });
  if (isRecord(certificates) && tls === undefined && certificates['header'] === undefined)
    problems.push({
      path: [...PRIVATE, 'certificates'],
      message: 'can reach nobody: set crane.tls, or header with crane.trustedProxies',
    });
  const hasProxies = Array.isArray(trustedProxies) && trustedProxies.length > 0;
  if (isRecord(certificates) && certificates['header'] !== undefined && !hasProxies)
    problems.push({
      path: [...PRIVATE, 'certificates', 'header'],
      message: 'is believed of trusted proxies alone: set crane.trustedProxies',
    });
  const asks = Array.isArray(challenge) && challenge.length > 0;
  if (asks && tokens === undefined && htpasswdFile === undefined)
    problems.push({
      path: [...PRIVATE, 'challenge'],
      message: 'has nothing to ask for: set tokens or htpasswdFile',
    });
  return problems;
}

function signedProblems({ mirrors, signedUrls }: Readonly<Record<string, unknown>>): Problem[] {
  const list = Array.isArray(mirrors) ? (mirrors as unknown[]) : [];
  const signed = list.flatMap((mirror, index) =>
    isRecord(mirror) && mirror['signed'] === true ? [index] : [],
  );
  if (signedUrls === undefined)
    return signed.map((index) => ({
      path: ['crane', 'mirrors', index, 'signed'],
      message: 'needs the secret that URLs are signed by: set crane.signedUrls',
    }));
  if (signed.length > 0) return [];
  return [{ path: ['crane', 'signedUrls'], message: 'is for mirrors with signed: true, and there is none' }];
}
