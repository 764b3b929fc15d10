import { hash } from 'node:crypto';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import type { StaticPart, StaticServer } from '@gantry/app-crane';
import { directoryTree, httpTree, type TreeSource } from '@gantry/tree';
import { Argument } from 'commander';
import type { TreePlace } from '@gantry/service';
import type { AddCommand } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { type ExportRecord, readCurrent, writeExport } from '../export/write-export.ts';
import { refuseUnsafe, warningsOfLeftOut } from '../export/left-out.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';
import { loadWithWarnings } from '../remote/server-address.ts';
import { openTrustedKeys } from '../serve/open-keys.ts';
import { openPublished, treeAt } from '../tree-place.ts';

interface Options {
  readonly tree?: string;
  readonly to: string;
  readonly at?: string;
}

/** A change of what is written for the same tree and configuration. */
const EXPORT_FORMAT = 2;

/** `gantry export`: a crane's redirects as configuration for another server. It needs no server of ours. */
export const addExport: AddCommand = (program, cli) => {
  program
    .command('export')
    .summary('write redirects for nginx or HAProxy')
    .description(
      "Writes what a crane would answer as configuration for nginx or HAProxy, of the tree as it is now and by the configuration's mirrors. Needs no server.",
    )
    .addArgument(new Argument('<server>', 'which').choices(['nginx', 'haproxy']))
    .requiredOption('--to <folder>', 'where to; the folder "current" in it is always a whole one')
    .option('--at <folder>', 'where that folder lies on the server; absent: the same')
    .option('--tree <tree>', "a folder or an address; absent: the configuration's crane.tree")
    .addHelpText(
      'after',
      examples(
        'gantry export nginx --to /etc/nginx/gantry && nginx -t && nginx -s reload',
        'gantry export haproxy --to ./edge --at /etc/haproxy/gantry --tree https://dl.example.org/gantry',
      ),
    )
    .action(
      cli.act<Options, [StaticServer]>(async (options, server) => {
        using interruption = cli.interruptible();
        const { configuration } = await loadWithWarnings(options, cli);
        const { crane } = configuration;
        refuseUnsafe(configuration, server);
        const source = openChosen(options.tree, crane.tree, cli.cwd, interruption.signal);
        const folder = path.resolve(cli.cwd, options.to);
        const former = await readCurrent(folder);
        if (former !== undefined && former.server !== server)
          throw new Fault(
            'REQUEST_INVALID',
            `${folder} holds an export for ${former.server}: name another folder`,
          );
        const view = await openPublished(source, {
          trustedKeys: await openTrustedKeys(configuration),
          ...(former !== undefined && { pinnedTree: former.tree, floorSerial: former.serial }),
        });
        const { tree, serial } = view.statement;
        const { composeStatic } = await import('@gantry/app-crane');
        const site = {
          mirrors: crane.mirrors ?? [],
          manifests: crane.manifests,
          status: crane.status,
          listen: crane.listen,
          ...(crane.name !== undefined && { name: crane.name }),
          ...(source.directory !== undefined && { folder: source.directory }),
        };
        const to = path.resolve(options.at ?? folder);
        const made = hash('sha256', JSON.stringify([EXPORT_FORMAT, server, view.digest, site, to]));
        const version = `serial-${String(serial).padStart(12, '0')}-${made.slice(0, 16)}`;
        const { parts, warnings } = composeStatic(server, { ...site, view, at: path.join(to, version) });
        for (const warning of [...warnings, ...warningsOfLeftOut(configuration)])
          cli.stderr.write(`gantry: ${warning}\n`);
        const record = { server, tree, serial };
        const isNew = await writeExport(folder, version, withRecord(parts, record));
        const current = path.join(to, 'current');
        if (options.output === 'json') writeJson(cli.stdout, { ...record, folder, version, changed: isNew });
        else
          cli.stdout.write(
            `${path.join(folder, 'current')}: serial ${serial}${isNew ? '' : ', as before'}\n${NEXT[server](current)}\n`,
          );
        return EXIT.done;
      }),
    );
};

const NEXT = {
  nginx: (current: string) =>
    `in http { }: include ${current}/http.conf; in a server { } of its own: include ${current}/server.conf; then: nginx -t && nginx -s reload`,
  haproxy: (current: string) =>
    `start haproxy with -f ${current}/haproxy.cfg after your own; then: systemctl reload haproxy`,
} as const satisfies Record<StaticServer, (current: string) => string>;

function openChosen(
  word: string | undefined,
  configured: TreePlace | undefined,
  cwd: string,
  signal: AbortSignal,
): TreeSource {
  if (word !== undefined) return treeAt(word, cwd, signal);
  if (configured === undefined)
    throw new Fault('REQUEST_INVALID', 'crane.tree is not set: say where the tree is, --tree ADDRESS');
  return 'url' in configured ? httpTree(configured.url, { signal }) : directoryTree(configured.directory);
}

async function* withRecord(parts: AsyncIterable<StaticPart>, record: ExportRecord) {
  yield { file: 'export.json', text: `${JSON.stringify(record)}\n` };
  yield* parts;
}
