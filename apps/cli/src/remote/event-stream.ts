const FIELD = 'data:';

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
  let length = -1; // no line break stands before the first line
  const refuseOver = (reached: number, allowed: number): void => {
    if (reached > allowed) throw new RangeError(`an event is longer than ${maxLength} characters`);
  };
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
        length = -1;
      } else if (line.startsWith(FIELD)) {
        const text = line.slice(FIELD.length).replace(/^ /, '');
        length += 1 + text.length;
        refuseOver(length, maxLength);
        data.push(text);
      }
    }
    // A line that has no end yet: what comes before its text, and a line break's first half, are no text.
    refuseOver(rest.length, maxLength + `${FIELD} \r`.length);
  }
}
