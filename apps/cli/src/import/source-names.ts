/** Makes names of sources out of what they take, each of them once. */
export function sourceNames(): (text: string) => string {
  const given = new Set<string>();
  return (text) => {
    const base =
      text
        .toLowerCase()
        .replaceAll(/[^a-z0-9._-]+/g, '-')
        .replaceAll(/^[^a-z0-9]+|-+$/g, '')
        .slice(0, 100) || 'source';
    let name = base;
    for (let count = 2; given.has(name); count++) name = `${base}-${count}`;
    given.add(name);
    return name;
  };
}
