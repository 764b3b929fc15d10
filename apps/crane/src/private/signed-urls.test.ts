import { createHmac } from 'node:crypto';
import { urlSigner } from './signed-urls.ts';

test('what is signed is the second at which the URL ends, and the path from where the tree begins', () => {
  const sign = urlSigner('a secret', 60_000, () => 1_000_500);
  const signature = createHmac('sha256', 'a secret').update('1061 pool/blobs/x').digest('base64url');
  expect(sign('https://m.example/tree/', 'pool/blobs/x')).toBe(
    `https://m.example/tree/pool/blobs/x?expires=1061&signature=${signature}`,
  );
});
