import { serialPath } from '@gantry/tree';
import { namesIn, type TreeFiles } from './files.ts';

/**
 * Which serials of a tree in a folder are claimed. The folder, which grows with the history, is listed once; after that
 * this publisher knows by itself, as long as no other has begun.
 */
export class ClaimedSerials {
  readonly #files: TreeFiles;
  /** The highest one; undefined: not known any more. */
  #highest: number | undefined;

  constructor(files: TreeFiles) {
    this.#files = files;
  }

  /** 0 for none. */
  async highest(): Promise<number> {
    if (this.#highest === undefined) {
      const names = await namesIn(this.#files.at('serial'));
      this.#highest = names.reduce((highest, name) => Math.max(highest, serialOf(name)), 0);
    }
    return this.#highest;
  }

  /** To be called when another may have claimed serials. */
  forget(): void {
    this.#highest = undefined;
  }

  /** @returns false if it is claimed already, with other bytes */
  async claim(serial: number, statement: Uint8Array): Promise<boolean> {
    const highest = await this.highest();
    this.forget(); // it may be claimed though the call fails
    const isCreated = await this.#files.create(this.#files.at(serialPath(serial)), statement);
    await this.#files.settle();
    if (isCreated) this.#highest = Math.max(highest, serial);
    return isCreated;
  }
}

function serialOf(name: string): number {
  return Number(/^([0-9]{12})\.json$/.exec(name)?.[1] ?? 0);
}
