// The least that an answer costs in Node: what the API is measured against. Usage: node bare-answers.js FILE PORT, where
// FILE holds the answers by their paths, as JSON.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const answers = new Map(Object.entries(JSON.parse(readFileSync(process.argv[2], 'utf8'))));

createServer((request, response) => {
  const body = answers.get(request.url) ?? '';
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}).listen(Number(process.argv[3]), '127.0.0.1', () => console.log('ready'));
