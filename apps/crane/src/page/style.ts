import { createHash } from 'node:crypto';

/** The page's only style sheet. It stands in the page, and the policy names it by its hash. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1c2330;--soft:#525c6b;--line:#d5dae2;--paper:#fff;--card:#f6f7f9;--link:#0a55b5;
--good:#177245;--late:#a15c00;--bad:#b3261e;--rail:#dfe3ea}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#a9b2c0;--line:#3a4352;--paper:#14181f;--card:#1d232d;
--link:#8ab8ff;--good:#56c990;--late:#f0b355;--bad:#ff8a80;--rail:#323b49}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:60rem;margin:0 auto;padding:1rem}
header{border-bottom:1px solid var(--line)}
footer{border-top:1px solid var(--line);color:var(--soft);font-size:.875rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.25rem .5rem}
.home{font-weight:600;text-decoration:none}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.15rem;margin:1.75rem 0 .5rem}
p{margin:.4rem 0}
.soft{color:var(--soft)}
.alarm{color:var(--bad);font-weight:600}
code,input{font:.9rem/1.5 ui-monospace,monospace}
code{user-select:all}
input,button{color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:.4rem;padding:.45rem .6rem}
button{font:inherit;cursor:pointer}
form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin:1rem 0}
label{display:block;font-weight:600}
form div{flex:1 1 15rem}
form input,.pull{width:100%}
.names{list-style:none;padding:0;margin:0;columns:2 20rem;column-gap:1.5rem}
.names a{display:block;padding:.3rem 0}
.found li{padding:.3rem 0}
.found,.tags,.mirrors{list-style:none;padding:0;margin:0}
.tags>li{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.25rem 1rem 1rem;margin:1rem 0}
.tags h2{margin:.6rem 0}
.tags .pull{background:var(--paper)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.75rem 0 0}
dt{color:var(--soft)}
dd{margin:0;min-width:0}
.platforms{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0}
.mirrors li{display:grid;grid-template-columns:minmax(8rem,1fr) minmax(6rem,1fr) minmax(12rem,2fr);gap:.25rem 1rem;align-items:center;
padding:.5rem 0;border-top:1px solid var(--line)}
.bar{width:100%;height:.6rem;border-radius:.3rem;background:var(--rail);display:block}
.good{color:var(--good)}.late{color:var(--late)}.bad{color:var(--bad)}
.bar rect{fill:currentColor}
nav{display:flex;gap:1.5rem;margin:1.25rem 0}
@media (max-width:36rem){.mirrors li,dl{grid-template-columns:1fr}dl{gap:0}dd+dt{margin-top:.4rem}}
@media (forced-colors:active){.bar{border:1px solid}}
`;

const styleHash = createHash('sha256').update(STYLE).digest('base64');

/** No script, nothing from elsewhere: what came into the page in spite of all could do nothing. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${styleHash}'`,
  'img-src data:', // the empty icon, which spares a request for one
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');
