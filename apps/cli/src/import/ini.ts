import type { ConfigurationDocument, KeyPath } from '@gantry/service';

type LocatedProblem = ConfigurationDocument['problems'][number];

/**
 * Reads a file as Python 2's ConfigParser does: sections, `key: value` or `key = value`, keys in any case; a line that begins with
 * a space goes on with the value above; `%` is as it stands (`interpolate` is for that). The value is a map of maps of texts.
 */
export function readIni(text: string, name: string): ConfigurationDocument {
  const sections: Record<string, Record<string, string>> = Object.create(null);
  const lines = new Map<string, number>();
  const problems: LocatedProblem[] = [];
  let section: Record<string, string> | undefined;
  let path: KeyPath = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:[#;].*)?$/.test(line) || /^rem\b/i.test(line)) continue;
    const [, title] = /^\[([^\]]+)\]/.exec(line) ?? [];
    const [, key, value = ''] = /^([^\s:=][^:=]*?)\s*[:=]\s*(.*)$/.exec(line) ?? [];
    const [above, last] = path;
    if (title !== undefined) {
      section = sections[title] ??= Object.create(null) as Record<string, string>;
      path = [title];
    } else if (/^\s/.test(line) && section !== undefined && typeof last === 'string')
      section[last] = `${section[last]}\n${line.trim()}`.trim();
    else if (key !== undefined && section !== undefined) {
      path = [above ?? '', key.toLowerCase()];
      const plain = value.replace(/(?:^|\s);.*$/, '').trim();
      section[key.toLowerCase()] = plain === '""' ? '' : plain;
    } else
      problems.push({
        place: { name, line: index + 1, column: 1 },
        text: 'is neither a [section] nor key: value in one',
      });
    if (!lines.has(path.join('\n'))) lines.set(path.join('\n'), index + 1);
  }
  return {
    value: sections,
    problems,
    locate: (at) => ({
      name,
      line: lines.get(at.join('\n')) ?? lines.get(String(at[0])) ?? 1,
      column: 1,
    }),
  };
}
