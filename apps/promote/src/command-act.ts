import type { CloudEvent } from '@gantry/messages';
import type { Act } from '@gantry/pipeline';

/** What the API calls the same operation. */
const OPERATIONS: Readonly<Record<string, string>> = {
  'command.sync': 'createSync',
  'command.promote': 'createPromotion',
  'command.publish': 'createPublication',
  'command.result': 'createResult',
};
/** Members of the data that say what a command is about. */
const SUBJECTS = ['to', 'digest', 'source'] as const;

/** Who commands by messages of a source. No token has a blank in its name, so nobody is taken for anybody of the API. */
export function messageActor(source: string): string {
  return `message ${source}`;
}

/** What a message commands, for the audit log; whatever its data is. */
export function commandAct(routingKey: string, { id, source, data }: CloudEvent): Act {
  const [first]: unknown[] = [data].flat(); // of several the first says what they are about
  const members =
    typeof first === 'object' && first !== null ? (first as Readonly<Record<string, unknown>>) : {};
  const subject = SUBJECTS.map((name) => members[name]).find((value) => typeof value === 'string');
  const { reason } = members;
  return {
    actor: messageActor(source),
    via: 'message',
    action: OPERATIONS[routingKey] ?? routingKey,
    target: typeof subject === 'string' ? subject : '',
    ...(typeof reason === 'string' ? { reason } : {}),
    requestId: id,
  };
}
