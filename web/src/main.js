import { mount } from 'svelte';
import App from './App.svelte';
import { applyTheme } from './lib/preferences.svelte.js';
import './styles.css';

applyTheme();
mount(App, { target: document.getElementById('app') });
