import { readElements } from './xml-elements.ts';

const read = (xml: string) =>
  [...readElements(xml)].map(({ path, attributes }) => [path.join('/'), Object.fromEntries(attributes)]);

test('elements come in their order, with where they stand and their attributes', () => {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE GSP SYSTEM "google.dtd">
<GSP VER="3.2"><!-- <R/> --><TM>0.1 &gt; 0</TM>
  <RES SN='1' EN='2'
  ><R N="1"><MT N="a" V="x > y"/><S><![CDATA[<b>no</b> element]]></S></R ></RES>
</GSP>`;
  expect(read(xml)).toEqual([
    ['GSP', { VER: '3.2' }],
    ['GSP/TM', {}],
    ['GSP/RES', { SN: '1', EN: '2' }],
    ['GSP/RES/R', { N: '1' }],
    ['GSP/RES/R/MT', { N: 'a', V: 'x > y' }],
    ['GSP/RES/R/S', {}],
  ]);
});

test.each([
  ['&amp;&lt;&gt;&quot;&apos;', `&<>"'`],
  ['&#65;&#x42;&#x1F433;', 'AB🐳'],
  ['&#99999999; &#x110000;', '&#99999999; \uFFFD'],
  ['&amp;lt;', '&lt;'],
  ['&unknown; & alone', '&unknown; & alone'],
])('the attribute %s is %s', (written, value) => {
  expect(read(`<a b="${written}"/>`)).toEqual([['a', { b: value }]]);
});

test.each([
  ['', /no whole/],
  ['just text', /no whole/],
  ['{"response":{}}', /no whole/],
  ['<a>', /no whole/],
  ['<a></b>', /element b ends/],
  ['</a>', /element a ends/],
  ['<a/><b/>', /more than one/],
  ['<a b=c/>', /no XML/],
  ['<a b="1', /no XML/],
  ['<!-- <a/>', /no XML/],
  ['<!DOCTYPE a [<!ENTITY b "c">]><a/>', /no XML/],
  ['<a>'.repeat(200), /deeper than 100/],
  [`<a${' b="c"'.repeat(100_000)}`, /./],
  [`<a${' '.repeat(1_000_000)}`, /no XML/],
])('%j is refused', (xml, message) => {
  expect(() => read(xml)).toThrow(message);
});
