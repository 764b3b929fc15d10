// The health check of the image: asks whether the service in this container can do its work.
// node health.js [URL]; the API's by default, which `serve all` and `serve promote` have.
const url = process.argv[2] ?? 'http://127.0.0.1:5090/readyz';
try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(4000) });
  if (!answer.ok)
    process.stderr.write(`${url} answers ${answer.status}: ${(await answer.text()).slice(0, 2000)}\n`);
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  process.stderr.write(`${url} does not answer: ${error.cause?.message ?? error.message}\n`);
  process.exitCode = 1;
}
