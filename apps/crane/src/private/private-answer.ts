import type { Answer } from '../answer/answer.ts';

/** Only the client itself may keep it (RFC 9111, section 5.2.2), and asks again whether it still may have it. */
const NOT_SHARED = ['Cache-Control', 'private, no-cache', 'Vary', 'Authorization'] as const;

/** The same answer as no shared cache may keep it. */
export function privateAnswer(answer: Answer): Answer {
  const headers: string[] = [];
  for (let at = 0; at < answer.headers.length; at += 2) {
    const [name, value] = [answer.headers[at] as string, answer.headers[at + 1] as string];
    if (name !== 'Cache-Control') headers.push(name, value);
    else if (value === 'no-store') return answer; // nobody keeps it anyway
  }
  return { ...answer, headers: [...headers, ...NOT_SHARED], isPrivate: true };
}
