/**
 * The data of server-sent events (HTML, section 9.2.6), each as its text, as they come. What is not whole when the bytes
 * end is no event.
 * @param maxLength how long the text of one event may be
 * @throws RangeError for a longer one
 */
export async function* readEventStream(
  bytes: AsyncIterable<Uint8Array>,
  maxLength: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
      } else if (line.startsWith('data:')) data.push(line.slice('data:'.length).replace(/^ /, ''));
    }
    if (rest.length > maxLength) throw new RangeError(`an event is longer than ${maxLength} characters`);
  }
}
