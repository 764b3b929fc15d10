/** One file of a layer. `path` is as it appears in the image, with or without its leading slash; up to 100 bytes. */
export interface LayerFile {
  readonly path: string;
  readonly content: Uint8Array | string;
}

const BLOCK = 512;
const NAME_MAX_BYTES = 100;

/**
 * A tar archive of `files` and of the directories above them (POSIX.1-2017, pax, "ustar Interchange Format"). Owner, mode
 * and time are fixed, so the same files give the same bytes.
 */
export function tarOf(files: readonly LayerFile[]): Buffer {
  const blocks: Buffer[] = [];
  const directories = new Set<string>();
  for (const file of files) {
    const path = file.path.replace(/^\/+/, '');
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const directory = `${parts.slice(0, depth).join('/')}/`;
      if (directories.has(directory)) continue;
      directories.add(directory);
      blocks.push(header(directory, 0, '5', 0o755));
    }
    const content = Buffer.from(file.content);
    blocks.push(header(path, content.length, '0', 0o644), content);
    blocks.push(Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  blocks.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(blocks);
}

function header(name: string, sizeBytes: number, type: '0' | '5', mode: number): Buffer {
  if (Buffer.byteLength(name) > NAME_MAX_BYTES) {
    throw new RangeError(`${name} is too long for a sample layer: ${NAME_MAX_BYTES} bytes are the most`);
  }
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0);
  octal(block, mode, 100, 8);
  octal(block, 0, 108, 8); // owner
  octal(block, 0, 116, 8); // group
  octal(block, sizeBytes, 124, 12);
  octal(block, 0, 136, 12); // modification time
  block.write(' '.repeat(8), 148); // the checksum counts as spaces while it is computed
  block.write(type, 156);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function octal(block: Buffer, value: number, at: number, width: number): void {
  block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at);
}
