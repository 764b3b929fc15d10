import { createHmac } from 'node:crypto';

/** Makes the URL of a file of the tree, for as long as it is good. */
export type SignUrl = (base: string, path: string) => string;

/**
 * Signs by HMAC-SHA256 over `<expires> <path>`, the path counted from where the tree begins. scripts/mirror/gantry-signed.js
 * checks the same.
 * @param now milliseconds
 */
export function urlSigner(secret: string, ttlMs: number, now: () => number = Date.now): SignUrl {
  return (base, path) => {
    const expires = Math.ceil((now() + ttlMs) / 1000);
    const signature = createHmac('sha256', secret).update(`${expires} ${path}`).digest('base64url');
    return `${base}${path}?expires=${expires}&signature=${signature}`;
  };
}
