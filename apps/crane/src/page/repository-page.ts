import { repositoryLink } from './links.ts';
import type { DescribedPlatform, DescribedTag } from './describe-tags.ts';
import { html, type Html } from './html.ts';

/** What a repository's page tells. */
export interface RepositoryPage {
  readonly host: string;
  readonly name: string;
  /** All tags, companions left out. */
  readonly tagCount: number;
  /** From 1. */
  readonly page: number;
  readonly pages: number;
  readonly tags: readonly DescribedTag[];
}

/** A repository's tags, and how to pull them. */
export function repositoryPage({ host, name, tagCount, page, pages, tags }: RepositoryPage): Html {
  const description = tags.find((tag) => tag.description !== undefined)?.description;
  return html`<h1>${name}</h1>
    ${description !== undefined && html`<p>${description}</p>`}
    <p class="soft">
      ${tagCount === 1 ? 'One tag' : html`${tagCount.toLocaleString('en')} tags`}${pages > 1 && html`, page ${page} of ${pages}`}.
    </p>
    <ul class="tags">
      ${tags.map((tag, index) => tagItem(host, name, tag, index))}
    </ul>
    ${
      pages > 1 &&
      html`<nav aria-label="Pages of tags">
        ${page > 1 && html`<a rel="prev" href="${repositoryLink(name, page - 1)}">Tags before</a>`}${page < pages && html`<a rel="next" href="${repositoryLink(name, page + 1)}">More tags</a>`}
      </nav>`
    }`;
}

function tagItem(host: string, name: string, tag: DescribedTag, index: number): Html {
  const { digest, platforms, hasMore, artifactType } = tag;
  const reference = `${host}/${name}:${tag.tag}`;
  const isImage = artifactType === undefined;
  const field = `pull-${index}`;
  return html`<li>
    <h2>${tag.tag}</h2>
    <label for="${field}"
      >${isImage ? 'Pull command' : 'Reference'}<span class="soft"> for ${tag.tag}</span></label
    >
    <input class="pull" id="${field}" readonly value="${isImage ? `docker pull ${reference}` : reference}" />
    <dl>
      <dt>Digest</dt>
      <dd><code>${digest}</code></dd>
      ${
        !isImage &&
        html`<dt>Artifact</dt>
          <dd>${artifactType}</dd>`
      }
      ${
        platforms.length > 0 &&
        html`<dt>${isImage ? 'Platforms' : 'Size'}</dt>
          <dd>
            <ul class="platforms">
              ${platforms.map((platform) => platformItem(platform, isImage))}${hasMore && html`<li>and more</li>`}
            </ul>
          </dd>`
      }
      ${
        tag.hasReferrers &&
        html`<dt>Referrers</dt>
          <dd>
            <a href="/v2/${name}/referrers/${digest}">signatures, attestations and the like of ${tag.tag}</a>
          </dd>`
      }
    </dl>
  </li> `;
}

function platformItem({ platform, contentBytes }: DescribedPlatform, isImage: boolean): Html {
  const size = contentBytes === undefined ? undefined : sizeText(contentBytes);
  if (!isImage) return html`<li>${size}</li>`;
  return html`<li>${platform}${size !== undefined && html` <span class="soft">${size}</span>`}</li>`;
}

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** A size as people read it: `52.4 MB`, in powers of 1,000. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let [value, unit] = [bytes / 1000, 0];
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}
