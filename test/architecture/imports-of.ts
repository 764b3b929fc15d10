import { readFileSync } from 'node:fs';

// Statements stand at the beginning of a line, as the formatter puts them: `import … from 'x'`, `import 'x'`,
// `export … from 'x'`. `import('x')` stands anywhere, in types too.
const STATEMENT = /^(?:import|export)\b(?:[^'"();=]*?\bfrom)?\s*'([^'\n]+)'/gm;
const CALL = /\bimport\(\s*(?:'([^'\n]+)')?/g;
const COMPUTED = 'import(…)';

/**
 * What a module imports, in whichever way. An `import()` of something that is computed counts as `import(…)`, since
 * nobody can say what it would load.
 */
export function importsOf(file: string): string[] {
  return importsIn(readFileSync(file, 'utf8'));
}

export function importsIn(code: string): string[] {
  const bare = withoutComments(code);
  return [...bare.matchAll(STATEMENT), ...bare.matchAll(CALL)].map((match) => match[1] ?? COMPUTED);
}

/** Comments may quote imports. An address in a string stays, as nothing blank precedes its `//`. */
function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}
