/**
 * Text as one word of a shell's command line, for commands that people copy: what a scanner or a test system has sent must
 * not run as a command of theirs.
 */
export function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
