import type { Flow, Log } from '@gantry/pipeline';

/** The same flow for one sync: each line of its log has the task's id, and each candidate that it puts is told. */
export function flowOfSync(flow: Flow, task: string, onCandidate: () => void): Flow {
  const { catalog } = flow;
  const { candidates } = catalog;
  return {
    ...flow,
    log: logWith(flow.log, { sync: task }),
    catalog: {
      ...catalog,
      candidates: {
        ...candidates,
        async put(candidate, events, turn) {
          await candidates.put(candidate, events, turn);
          onCandidate();
        },
      },
    },
  };
}

function logWith(log: Log, common: object): Log {
  return {
    debug: (fields, event) => log.debug({ ...fields, ...common }, event),
    info: (fields, event) => log.info({ ...fields, ...common }, event),
    warn: (fields, event) => log.warn({ ...fields, ...common }, event),
    error: (fields, event) => log.error({ ...fields, ...common }, event),
  };
}
