import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tarOf } from './tar.ts';

test('tar unpacks the archive to the files that went in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-tar-'));
  try {
    const files = [
      { path: '/etc/a.conf', content: 'a' },
      { path: 'etc/deep/er/b', content: Buffer.alloc(5000, 7) },
      { path: '/empty', content: '' },
      { path: `${'d'.repeat(49)}/${'f'.repeat(50)}`, content: 'x' },
    ];
    writeFileSync(join(folder, 'layer.tar'), tarOf(files));
    execFileSync('tar', ['-xf', 'layer.tar'], { cwd: folder });
    for (const { path, content } of files) {
      expect(readFileSync(join(folder, path)).equals(Buffer.from(content))).toBe(true);
    }
    expect(statSync(join(folder, 'etc/deep')).isDirectory()).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a path that a header can not hold is refused', () => {
  expect(() => tarOf([{ path: 'x'.repeat(101), content: '' }])).toThrow('too long');
});
