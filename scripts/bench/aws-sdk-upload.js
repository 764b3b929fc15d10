// What uploading costs with the AWS SDK alone: every file of a folder by PutObject, in parts from 16 MiB on, 16 at a time. The
// SDK's own defaults: it sends a CRC32 and signs the bytes. With a list of addresses, one a line, the bytes are fetched from
// there instead, as a sync does. Usage: node aws-sdk-upload.js FOLDER|LIST '{"endpoint":…}'
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { peakMemoryBytes } from '../../test/fixtures/peak-memory.ts';

// The SDK is a dependency of the store alone, and taken from there, as nothing but this comparison wants it bare: so knip.json
// lets it pass here.
const require = createRequire(new URL('../../packages/store/package.json', import.meta.url));
const sdk = require('@aws-sdk/client-s3');

const PART_BYTES = 8 * 1024 * 1024;
const [source = '', configuration = '{}'] = process.argv.slice(2);
const { bucket: Bucket, endpoint, forcePathStyle, credentials } = JSON.parse(configuration);
const client = new sdk.S3Client({ region: 'us-east-1', endpoint, forcePathStyle, credentials });

async function copy(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const Body = Buffer.from(await answer.arrayBuffer());
  await client.send(new sdk.PutObjectCommand({ Bucket, Key: `upload/${address.split(':').pop()}`, Body }));
}

async function upload(name) {
  const file = join(source, name);
  const { size } = await stat(file);
  const at = { Bucket, Key: `upload/${name}` };
  if (size < 2 * PART_BYTES) {
    await client.send(new sdk.PutObjectCommand({ ...at, Body: await readFile(file) }));
    return;
  }
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(at));
  const handle = await open(file);
  const Parts = [];
  for (let start = 0; start < size; start += PART_BYTES) {
    const Body = Buffer.alloc(Math.min(PART_BYTES, size - start));
    await handle.read(Body, 0, Body.length, start);
    const PartNumber = Parts.length + 1;
    const { ETag } = await client.send(new sdk.UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
    Parts.push({ PartNumber, ETag });
  }
  await handle.close();
  await client.send(new sdk.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
}

const isFolder = (await stat(source)).isDirectory();
const names = isFolder ? await readdir(source) : (await readFile(source, 'utf8')).trim().split('\n');
const start = performance.now();
const next = async () => {
  for (let name = names.pop(); name !== undefined; name = names.pop())
    await (isFolder ? upload(name) : copy(name));
};
await Promise.all(Array.from({ length: 16 }, next));
const uploadS = (performance.now() - start) / 1000;
console.log(JSON.stringify({ uploadS, maxRssMiB: peakMemoryBytes() / 1024 ** 2 }));
