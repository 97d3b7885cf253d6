#!/usr/bin/env node
import process from 'node:process'
import { processTerminal } from './process-terminal.ts'
import { runCredence } from './run.ts'

// exitCode and not exit(): what was written to a pipe must be flushed first.
process.exitCode = await runCredence(process.argv.slice(2), processTerminal())
