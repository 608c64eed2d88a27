/**
 * The look of the report and of the live page: one sheet, light and dark by the reader's setting, for screens from 360
 * pixels up and for paper. Contrasts are at least 4.5 to 1 for text and 3 to 1 for marks.
 * @module
 */
export const STYLE = `
:root{--paper:#fff;--raised:#f5f7f9;--ink:#1b1f24;--soft:#56606b;--line:#d5dae0;--accent:#0067b1;--fill:#dcecf8;--ok:#17692e;--ok-paper:#e3f3e7;--bad:#b3261e;--bad-paper:#fcebe9;--warn:#8a4b00;--warn-paper:#fdf1dc;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--raised:#1c2229;--ink:#e8ecf1;--soft:#a8b2bd;--line:#39424d;--accent:#6bb8f2;--fill:#1b3850;--ok:#7bd492;--ok-paper:#15301d;--bad:#ff9b92;--bad-paper:#3b1a18;--warn:#f2b566;--warn-paper:#38280f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;overflow-wrap:break-word;font-variant-numeric:tabular-nums}
header,main,footer,.contents{max-width:66rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2rem}
footer{padding-top:1.5rem;padding-bottom:3rem;color:var(--soft);font-size:.875rem}
h1{font-size:1.75rem;line-height:1.2;margin:.25rem 0 .5rem;letter-spacing:-.01em}
h2{font-size:1.3rem;line-height:1.3;margin:3rem 0 .75rem;padding-top:1.25rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:2rem 0 .5rem}
p{margin:.5rem 0;max-width:44rem}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.skip{position:absolute;left:-99rem;background:var(--paper);padding:.5rem 1rem}
.skip:focus{left:1rem;top:.5rem}
.over{color:var(--soft);font-size:.875rem;margin:0}
.soft{color:var(--soft)}
.small{font-size:.875rem}
dd,bdi,code,.wide{overflow-wrap:anywhere}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.hex{word-break:break-all}
pre{background:var(--raised);border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;overflow-x:auto;font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap}
.contents ul{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.25rem;padding:0;margin:1rem 0 0;font-size:.9375rem}
.contents a{display:inline-block;padding:.25rem 0}
.verdict{border:1px solid var(--line);border-left:.5rem solid var(--soft);border-radius:8px;background:var(--raised);padding:1.1rem 1.4rem;margin:1.5rem 0}
.verdict h2{margin:0 0 .25rem;padding:0;border:0;font-size:1.5rem}
.verdict.ok{border-left-color:var(--ok);background:var(--ok-paper)}
.verdict.ok h2{color:var(--ok)}
.verdict.bad{border-left-color:var(--bad);background:var(--bad-paper)}
.verdict.bad h2{color:var(--bad)}
.verdict ul{margin:.5rem 0 0;padding-left:1.25rem}
.caution{border:1px solid var(--warn);border-radius:8px;background:var(--warn-paper);padding:.6rem 1rem;max-width:none}
.caution strong{color:var(--warn)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.75rem;margin:1.25rem 0;padding:0}
.tiles div{border:1px solid var(--line);border-radius:8px;padding:.7rem 1rem}
.tiles dt{color:var(--soft);font-size:.8125rem}
.tiles dd{margin:0;font-size:1.35rem;font-weight:600;line-height:1.3}
.tiles .two{grid-column:span 2}
.tiles dd.words{font-size:1rem;line-height:1.45}
.badge{display:inline-block;border-radius:99px;padding:.05rem .6rem;font-size:.8125rem;font-weight:600;white-space:nowrap;border:1px solid currentColor;color:var(--soft)}
.badge.ok{color:var(--ok);background:var(--ok-paper)}
.badge.bad{color:var(--bad);background:var(--bad-paper)}
.badge.warn{color:var(--warn);background:var(--warn-paper)}
.scroll{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;color:var(--soft);font-size:.875rem;padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.45rem .75rem .45rem 0;border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:600;font-size:.8125rem;border-bottom-width:2px;white-space:nowrap}
tbody th{font-weight:500}
.number{text-align:right;white-space:nowrap}
tr.group th{padding-top:.9rem;font-weight:600;border-bottom:0}
.wide{min-width:12rem}
.facts{margin:.75rem 0;font-size:.9375rem}
.facts>div{display:grid;grid-template-columns:11rem 1fr;gap:0 1rem;padding:.3rem 0;border-bottom:1px solid var(--line)}
.facts>div:last-child{border-bottom:0}
.facts dt{color:var(--soft)}
.facts dd{margin:0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem;margin:1rem 0}
.card{border:1px solid var(--line);border-radius:8px;padding:.9rem 1.1rem;min-width:0}
.card h3,.card h4{margin:0 0 .25rem;font-size:1.05rem}
.card .facts>div{grid-template-columns:8rem 1fr}
details{margin:.4rem 0}
summary{cursor:pointer;padding:.3rem 0}
details>summary:hover{color:var(--accent)}
.run{border:1px solid var(--line);border-radius:8px;margin:.5rem 0}
.run>summary{padding:.55rem .9rem;display:grid;grid-template-columns:1rem 7rem 13.5rem 1fr auto;gap:.15rem .75rem;align-items:baseline;list-style:none}
.run>summary::-webkit-details-marker{display:none}
.run>summary::before{content:"";border:.32rem solid transparent;border-left-color:var(--soft);border-right:0;width:0;height:0;align-self:center}
.run[open]>summary::before{transform:rotate(90deg)}
.run[open]>summary{border-bottom:1px solid var(--line)}
.run>div{padding:.25rem .9rem .75rem}
.run.bad{border-color:var(--bad)}
.chunk>summary{font-weight:600}
figure{margin:1.25rem 0}
figcaption{font-weight:600;margin-bottom:.25rem}
figcaption .soft{font-weight:400;display:block;font-size:.875rem}
.plot{display:flex}
.plot .marks{flex:none}
.plot .area{flex:1;min-width:0;width:100%}
.axis{display:flex;justify-content:space-between;gap:1rem;max-width:none;margin:.15rem 0 0 2.5rem;color:var(--soft);font-size:.8125rem;white-space:nowrap}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1.25rem;list-style:none;padding:0;margin:.25rem 0 0 2.5rem;font-size:.8125rem;color:var(--soft)}
.legend svg{vertical-align:-2px;margin-right:.35rem}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}
svg path{vector-effect:non-scaling-stroke}
.rule{stroke:var(--line);stroke-width:1;fill:none}
.rule.zero{stroke:var(--soft)}
.fill{fill:var(--fill)}
.line{stroke:var(--accent);stroke-width:2;fill:none;stroke-linejoin:round}
.dot{stroke:var(--accent);stroke-width:7;stroke-linecap:round;fill:none}
.dot.dense{stroke-width:3}
.dot.gap{stroke:var(--warn);stroke-linecap:square}
.dot.lost{stroke:var(--bad);stroke-width:9;stroke-linecap:square}
.whisker{stroke:var(--accent);stroke-width:1.5;fill:none}
.whisker.dense{stroke-width:1;opacity:.55}
.bar .dot{stroke-width:6}
.bar{display:block;max-width:100%}
.progress{display:block;width:100%;height:.9rem;margin:.5rem 0;accent-color:var(--accent)}
.glossary{columns:26rem 2;column-gap:2.5rem;margin:0}
.glossary div{break-inside:avoid;padding-bottom:.75rem}
.glossary dt{font-weight:600}
.glossary dd{margin:0}
@media (max-width:42rem){
body{font-size:.9375rem}
header{padding-top:1.25rem}
h1{font-size:1.45rem}
.facts>div,.card .facts>div{grid-template-columns:1fr;padding:.4rem 0}
.tiles{grid-template-columns:repeat(2,1fr);gap:.5rem}
.tiles div{padding:.55rem .7rem}
.run>summary{grid-template-columns:1rem 1fr auto}
.run>summary .figure{grid-column:2/-1}
.run>summary .badge{grid-column:3;grid-row:1}
.number .soft{display:block}
.number{white-space:normal}
.tiles div:nth-child(5){grid-column:span 2}
.axis{font-size:.75rem;gap:.5rem}
.run>summary .when{grid-column:2/-1;grid-row:2}
.axis,.legend{margin-left:0}
.bar{width:88px}
th,td{padding-right:.6rem}
}
@media print{
:root{--paper:#fff;--raised:#fff;--ink:#000;--soft:#444;--line:#999;--accent:#00508a;--fill:#e4eef6;--ok:#0d4f20;--ok-paper:#fff;--bad:#8f130c;--bad-paper:#fff;--warn:#6b3a00;--warn-paper:#fff;color-scheme:light}
body{font-size:10pt}
header,main,footer{max-width:none;padding-left:0;padding-right:0}
.contents,.skip{display:none}
h2,h3,figcaption,summary,caption{break-after:avoid}
.run,.card,figure,tr,.verdict{break-inside:avoid}
details::details-content{content-visibility:visible;display:block;block-size:auto;opacity:1}
.scroll{overflow:visible}
a{color:inherit;text-decoration:none}
@page{margin:16mm}
}
`;
