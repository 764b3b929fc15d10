import type { MirrorState } from '../choose/mirror.ts';
import { html, type Html } from './html.ts';

/** More mirrors than this are only counted: `/mirrors` has them all. */
const MAX_SHOWN = 100;
/** So many serials behind, a bar is at its shortest. */
const LONGEST_LAG = 10;
const SHORTEST_BAR = 5;

/** How far each mirror is, as bars; what a bar shows stands beside it as text. */
export function mirrorBars(states: readonly MirrorState[], serial: number): Html {
  const more = states.length - MAX_SHOWN;
  return html`<section aria-labelledby="mirrors">
    <h2 id="mirrors">Mirrors</h2>
    ${
      states.length === 0
        ? html`<p>There are none: all is served from here.</p>`
        : html`<ul class="mirrors">
            ${states.slice(0, MAX_SHOWN).map((state) => mirrorBar(state, serial))}
          </ul>`
    }
    ${more > 0 && html`<p>And ${more} more: <a href="/mirrors">all of them, as JSON</a>.</p>`}
  </section>`;
}

function mirrorBar(state: MirrorState, serial: number): Html {
  const { mirror } = state;
  const { look, text, percent } = judge(state, serial);
  const where = [
    ...mirror.countries,
    ...(mirror.isPrivate ? ['private'] : []),
    ...(mirror.redirector === undefined ? [] : ['leads to mirrors of its own']),
  ].join(', ');
  return html`<li>
    <a href="${mirror.base}">${mirror.name}</a>
    <span class="soft">${where}</span>
    <div>
      <span class="${look}">${text}</span>
      <svg class="bar ${look}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect width="${percent}" height="6" />
      </svg>
    </div>
  </li> `;
}

function judge(
  { healthy, serial: believedAt, mirror }: MirrorState,
  serial: number,
): { readonly look: 'good' | 'late' | 'bad'; readonly text: string; readonly percent: number } {
  if (!healthy || believedAt === 0) return { look: 'bad', text: 'not in use', percent: 0 };
  // It is behind by its grace, whatever it has.
  if (mirror.redirector !== undefined)
    return { look: 'good', text: `for what is older, up to serial ${believedAt}`, percent: 100 };
  const lag = Math.max(serial - believedAt, 0);
  if (lag === 0) return { look: 'good', text: `in step, at serial ${believedAt}`, percent: 100 };
  const behind = lag === 1 ? '1 serial behind' : `${lag} serials behind`;
  return {
    look: 'late',
    text: `${behind}, at serial ${believedAt}`,
    percent: Math.max(100 - (lag * 100) / LONGEST_LAG, SHORTEST_BAR),
  };
}
