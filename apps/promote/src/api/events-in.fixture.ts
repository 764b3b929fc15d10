/** An event of a stream, its data as JSON. */
export interface StreamedEvent {
  readonly id: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- each test knows what it asked for
  readonly data: any;
}

/** The events of a stream that have an id, one by one as they come (HTML standard, section 9.2). */
export async function* eventsIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamedEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, id, data] = /^id: (.*)\ndata: (.*)$/.exec(block) ?? [];
      if (id !== undefined && data !== undefined) yield { id, data: JSON.parse(data) };
    }
  }
}
