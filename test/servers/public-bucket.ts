import { createHash, createHmac } from 'node:crypto';
import type { Versitygw } from './versitygw.ts';

/** Lets anybody read the objects of a bucket by plain HTTP, as an operator does whose bucket is a mirror. @returns its URL */
export async function makePublic(server: Versitygw, bucket: string): Promise<string> {
  await allow(server, bucket, '*', ['s3:GetObject']);
  return `${server.url}/${bucket}`;
}

/** Lets a user (`*`: anybody) do these things in a bucket, and no others: actions of S3's policies, such as `s3:GetObject`. */
export async function allow(
  server: Versitygw,
  bucket: string,
  user: string,
  actions: readonly string[],
): Promise<void> {
  const arn = `arn:aws:s3:::${bucket}`;
  const statements = [
    { actions: actions.filter((action) => OF_BUCKETS.has(action)), Resource: arn },
    { actions: actions.filter((action) => !OF_BUCKETS.has(action)), Resource: `${arn}/*` },
  ];
  const Statement = statements
    .filter((one) => one.actions.length > 0)
    .map((one) => ({ Effect: 'Allow', Principal: user, Action: one.actions, Resource: [one.Resource] }));
  const policy = JSON.stringify({ Version: '2012-10-17', Statement });
  const answer = await putSigned(new URL(`${server.url}/${bucket}?policy=`), policy, server.credentials);
  if (!answer.ok)
    throw new Error(`the policy of ${bucket} was answered ${answer.status}: ${await answer.text()}`);
  await answer.body?.cancel();
}

/** Actions on a bucket; all others are on what is in it. */
const OF_BUCKETS = new Set(['s3:ListBucket', 's3:ListBucketMultipartUploads']);

/** A PUT with a signature ("Authenticating Requests: AWS Signature Version 4"); the SDK is no dependency of the tests. */
async function putSigned(url: URL, body: string, credentials: Versitygw['credentials']): Promise<Response> {
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = [date.slice(0, 8), 'us-east-1', 's3', 'aws4_request'];
  const headers = { host: url.host, 'x-amz-content-sha256': sha256(body), 'x-amz-date': date };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = ['PUT', url.pathname, url.searchParams, lines.join(''), names, sha256(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(request)].join('\n');
  let key = Buffer.from(`AWS4${credentials.secretAccessKey}`);
  for (const part of scope) key = createHmac('sha256', key).update(part).digest();
  const signature = createHmac('sha256', key).update(toSign).digest('hex');
  const credential = `${credentials.accessKeyId}/${scope.join('/')}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
  return fetch(url, { method: 'PUT', body, headers: { ...headers, authorization } });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
