// The least that a redirect costs in Node: what the crane is measured against. Usage: node bare-redirect.js PORT
import { createServer } from 'node:http';

createServer((request, response) => {
  response.writeHead(302, ['Location', `http://127.0.0.1:9${request.url}`, 'Content-Length', '0']).end();
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
