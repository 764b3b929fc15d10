import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import { type ConfigurationDocument, readConfigurationDocument } from '@gantry/service';
import { readIni } from './ini.ts';

/**
 * Reads a foreign configuration. @param name as the user knows it
 * @throws Fault REQUEST_INVALID for a file that can't be read, or is of another form
 */
export async function readForeign(kind: string, cwd: string, name: string): Promise<ConfigurationDocument> {
  const isIni = kind === 'crane';
  const text = await readText(cwd, name);
  const document = isIni ? readIni(text, name) : readConfigurationDocument(text, name, { asInGo: true });
  const [problem] = document.problems;
  if (problem !== undefined)
    throw new Fault(
      'REQUEST_INVALID',
      `${name} is not ${isIni ? 'a file of sections' : 'YAML'} that can be read, line ${problem.place.line}: ${problem.text}`,
    );
  if (document.value === undefined) throw new Fault('REQUEST_INVALID', `${name} is empty`);
  return kind === 'kpromo' ? withImages(document, cwd, name) : document;
}

/** A promoter manifest whole: the images of a thin one stand in a file of their own, as a list. */
async function withImages(
  manifest: ConfigurationDocument,
  cwd: string,
  name: string,
): Promise<ConfigurationDocument> {
  const { value } = manifest;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || 'images' in value)
    return manifest;
  const folder = path.dirname(name);
  const project = path.basename(path.dirname(path.resolve(cwd, name)));
  const images = await readForeign('images', cwd, path.join(folder, '../../images', project, 'images.yaml'));
  return {
    value: { ...value, images: images.value },
    problems: [],
    locate: (at, atKey) =>
      at[0] === 'images' ? images.locate(at.slice(1), atKey) : manifest.locate(at, atKey),
  };
}

async function readText(cwd: string, name: string): Promise<string> {
  try {
    return await readFile(path.resolve(cwd, name), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'is not there' : `can not be read: ${code}`;
    throw new Fault('REQUEST_INVALID', `${name} ${why}`);
  }
}
