import type { TaskAnswer } from '../answers.ts';
import { reportTask } from './show-task.ts';

const running = (progress: TaskAnswer['progress']): TaskAnswer => ({
  id: '1',
  kind: 'sync',
  state: 'running',
  progress,
  errors: [],
});

describe('the bar of a task', () => {
  test('goes by bytes, as far as they are known to be needed', () => {
    const expected = { bytes: 400, blobs: 4, tags: 10 };
    expect(reportTask(running({ bytes: 100, blobs: 1, tags: 9, expected })).share).toBe(0.25);
  });

  test('goes by tags where nothing has to be fetched', () => {
    const expected = { bytes: 0, blobs: 0, tags: 10 };
    expect(reportTask(running({ bytes: 0, blobs: 0, tags: 5, expected })).share).toBe(0.5);
  });

  test.each([{}, { expected: { bytes: 0, blobs: 0, tags: 0 } }])(
    'is only moving while nothing is known: %j',
    (known) => {
      expect(reportTask(running({ bytes: 0, blobs: 0, tags: 0, ...known })).share).toBeUndefined();
    },
  );
});
