import type { Answer } from '../answer/answer.ts';

/** Only the client itself may keep it (RFC 9111, section 5.2.2), and asks again whether it still may have it. */
const NOT_SHARED = ['Cache-Control', 'private, no-cache'] as const;

/** The same answer as no shared cache may keep it. */
export function privateAnswer(answer: Answer): Answer {
  const headers: string[] = [];
  // In one line: of several, nginx before 1.23 hands on the first.
  const vary: string[] = [];
  for (let at = 0; at < answer.headers.length; at += 2) {
    const [name, value] = [answer.headers[at] as string, answer.headers[at + 1] as string];
    if (name === 'Vary') vary.push(value);
    else if (name !== 'Cache-Control') headers.push(name, value);
    else if (value === 'no-store') return answer; // nobody keeps it anyway
  }
  if (!vary.includes('Authorization')) vary.push('Authorization');
  return { ...answer, headers: [...headers, ...NOT_SHARED, 'Vary', vary.join(', ')], isPrivate: true };
}
