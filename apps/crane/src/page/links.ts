/** Where a repository's page is. */
export function repositoryLink(name: string, page = 1): string {
  return pageLink({ repository: name }, page);
}

/** Where a page of several is; the first needs no number. */
export function pageLink(asked: Readonly<Record<string, string>>, page: number): string {
  return `/?${String(new URLSearchParams({ ...asked, ...(page > 1 && { page: String(page) }) }))}`;
}
