import { availableParallelism } from 'node:os';

/** Test files are plain ES modules whose types Node strips itself, so there is nothing to transform. */
export default {
  // Processes of their own, as some tests set what is a whole process's.
  runner: '<rootDir>/test/runner.js',
  roots: ['<rootDir>/packages', '<rootDir>/apps', '<rootDir>/scripts', '<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {},
  // Most tests wait for servers and clients of their own: two at a time also where there are two cores.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  setupFilesAfterEnv: ['<rootDir>/test/deadline.js', '<rootDir>/test/seed.js'],
  reporters: ['default', '<rootDir>/test/count-reporter.js'],
};
