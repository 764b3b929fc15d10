const SHOWN_HEX = 12;

/** A digest that people recognise: its first 12 figures. */
export function shortDigest(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return `${algorithm}:${hex.slice(0, SHOWN_HEX)}`;
}

/** `REPO:TAG`, `REPO@DIGEST` */
export function nameOf({
  repository,
  reference,
}: {
  readonly repository: string;
  readonly reference: string;
}): string {
  return `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
}
