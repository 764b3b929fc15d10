import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { formatBytes, plural } from '../output/text.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';
import { isTreePlace, openPublished } from '../tree-place.ts';
import { configuredTree, openPlace, type PlaceOptions } from '../open-place.ts';
import { collect, readKeyOption } from '../words/key-option.ts';

interface Options extends PlaceOptions {
  readonly file?: string;
  readonly referrers: boolean;
  readonly key?: readonly string[];
}

/** `gantry save`: images of a tree as a tar, for where no network goes. It never needs a server. */
export const addSave: AddCommand = (program, cli) => {
  program
    .command('save')
    .summary('write images of a tree into a tar')
    .description(
      'Writes images of a tree into a tar: an OCI image layout, which docker and podman load, too. Needs no server.',
    )
    .argument('<references...>', 'REPO, REPO:TAG or REPO@DIGEST')
    .option('--file <file>', 'where to; - is standard output, as is none where that is no terminal')
    .option(
      '--tree <tree>',
      'a folder (with a /), an address or s3://BUCKET/PREFIX, or the name of a tree of the configuration; absent: its main one',
    )
    .option('--endpoint <url>', 'the S3 server of a tree in a bucket; absent: as for verify')
    .option('--region <region>', 'its region')
    .option('--no-referrers', 'leave out signatures and whatever else refers to an image')
    .option(
      '--key <file>',
      "the tree must be signed by this public key, or by one of several; absent: the configuration's, of its own tree",
      collect,
    )
    .addHelpText(
      'after',
      examples(
        'gantry save fedora/httpd:2.4 --file httpd.tar',
        'gantry save fedora/httpd fedora/nginx:1 --tree https://dl.example.org/gantry --file - | ssh inside podman load',
      ),
    )
    .action(
      cli.act<Options, [readonly string[]]>(async (options, references) => {
        using interruption = cli.interruptible();
        const { signal } = interruption;
        const { file } = options;
        const isToOutput = file === '-' || (file === undefined && cli.stdout.isTTY !== true);
        if (file === undefined && !isToOutput)
          throw new Fault('REQUEST_INVALID', 'say where to: --file FILE, or --file - for standard output');
        const { source, view } = await openChosen(options, cli, signal);
        const { archiveOf, chooseExports } = await import('@gantry/pipeline'); // what other commands need not wait for
        const exported = await chooseExports(view, source, references, options.referrers);
        using progress = createProgressDisplay(cli.stderr, cli.env);
        const total = formatBytes(exported.bytes);
        const chunks = archiveOf(exported, source, {
          signal,
          onProgress: (bytes) =>
            progress.show({
              state: 'running',
              text: `save ${plural(exported.objects.length, 'object')}: ${formatBytes(bytes)} of ${total}`,
              share: exported.bytes === 0 ? 1 : bytes / exported.bytes,
              bytes,
            }),
        });
        if (file === undefined || isToOutput) {
          await writeToOutput(cli, chunks);
          return EXIT.done;
        }
        const place = path.resolve(cli.cwd, file);
        await writeWhole(place, chunks);
        progress[Symbol.dispose]();
        const { objects, bytes } = exported;
        if (options.output === 'json')
          writeJson(cli.stdout, {
            file: place,
            tree: view.statement.tree,
            serial: view.statement.serial,
            objects: objects.length,
            bytes,
          });
        else
          cli.stdout.write(
            `${file}: ${plural(objects.length, 'object')}, ${total}, of serial ${view.statement.serial}\n`,
          );
        return EXIT.done;
      }),
    );
};

async function openChosen(options: Options & GlobalOptions, cli: Cli, signal: AbortSignal) {
  const given = options.key === undefined ? undefined : await readKeyOption(options.key, cli);
  const { tree } = options;
  const { source, trustedKeys } =
    tree !== undefined && isTreePlace(tree)
      ? { source: await openPlace(tree, options, cli, signal), trustedKeys: given ?? [] }
      : await configuredTree(options, cli, given);
  return { source, view: await openPublished(source, { trustedKeys }) };
}

async function writeToOutput({ writeBytes }: Cli, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  if (writeBytes === undefined) throw new Fault('REQUEST_INVALID', 'there is no standard output here');
  await writeBytes(chunks);
}

/** The file is there once it is whole. */
async function writeWhole(place: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const there = await stat(place).catch(() => undefined);
  if (there?.isFile() === false)
    throw new Fault('REQUEST_INVALID', `${place} is no file: write to standard output with --file -`);
  const temporary = `${place}.${randomBytes(6).toString('hex')}.part`;
  try {
    await using handle = await open(temporary, 'wx', 0o666);
    for await (const chunk of chunks) await handle.writeFile(chunk);
    await handle.sync();
    await rename(temporary, place);
  } catch (error) {
    await rm(temporary, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    if (UNWRITABLE.has(code))
      throw new Fault('REQUEST_INVALID', `${place} can not be written: ${message}`, {}, { cause: error });
    throw error;
  }
}

const UNWRITABLE: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'EACCES',
  'ENOTDIR',
  'EROFS',
  'EPERM',
]);
