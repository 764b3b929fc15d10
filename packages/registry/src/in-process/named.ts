/** Values by name. The names can be had sorted, at no cost while none comes or goes: a repository may have 50,000 tags. */
export class Named<T> {
  readonly #values = new Map<string, T>();
  #sorted: readonly string[] | undefined;

  get(name: string): T | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: T): void {
    if (!this.#values.has(name)) this.#sorted = undefined;
    this.#values.set(name, value);
  }

  delete(name: string): void {
    if (this.#values.delete(name)) this.#sorted = undefined;
  }

  /** By code units, the order in which `last` of a list is compared. */
  names(): readonly string[] {
    return (this.#sorted ??= [...this.#values.keys()].toSorted((one, other) => (one < other ? -1 : 1)));
  }
}
