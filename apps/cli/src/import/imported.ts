import type { KeyPath } from '@gantry/service';

/** Something of a foreign configuration that needs a word. */
export interface Remark {
  /** Where it stands there. */
  readonly path: KeyPath;
  /**
   * lost: nothing here does it, and who imports has to decide; changed: it is done in another way; wrong: nothing is written
   * before it is put right there.
   */
  readonly kind: 'lost' | 'changed' | 'wrong';
  readonly text: string;
}

/** Rules for tags of a source, as they are written into the file. */
export interface ImportedTagRules {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly semver?: string;
  readonly prereleases?: boolean;
}

/** One of `sources`, as it is written into the file. */
export interface ImportedSource {
  readonly name: string;
  readonly [key: string]: unknown;
}

/** Where a part of the other sections comes from. */
export interface Origin {
  /** The key or the entry of a list that is written, such as `['channels', 0]`. */
  readonly at: KeyPath;
  readonly from: KeyPath;
  /** What is to be run by hand for what a configuration can't say, with the part that asks for it. */
  readonly commands?: readonly { readonly from: KeyPath; readonly text: string }[];
}

/** What a foreign configuration becomes. */
export interface Imported {
  readonly sources: readonly {
    /** The part of the foreign configuration that it is made of. */
    readonly from: KeyPath;
    readonly entry: ImportedSource;
  }[];
  /** Other sections of the file, such as `channels` and `crane`. */
  readonly sections?: Readonly<Record<string, unknown>>;
  readonly origins?: readonly Origin[];
  readonly remarks: readonly Remark[];
}

/** Collects remarks while a configuration is read. */
export interface Remarks {
  readonly all: readonly Remark[];
  lost(path: KeyPath, text: string): void;
  changed(path: KeyPath, text: string): void;
  wrong(path: KeyPath, text: string): void;
}

export function createRemarks(): Remarks {
  const all: Remark[] = [];
  const add = (remark: Remark): void => {
    const said = (other: Remark) =>
      other.text === remark.text && other.path.join('.') === remark.path.join('.');
    if (!all.some(said)) all.push(remark);
  };
  return {
    all,
    lost: (path, text) => add({ path, kind: 'lost', text }),
    changed: (path, text) => add({ path, kind: 'changed', text }),
    wrong: (path, text) => add({ path, kind: 'wrong', text }),
  };
}

/** What a foreign file is read as. @throws Fault REQUEST_INVALID for what is none of its kind */
export type Importer = (value: unknown, options: ImportOptions) => Imported;

export interface ImportOptions {
  /** skopeo: names keep the path and host that they come from. */
  readonly scoped?: boolean;
}
