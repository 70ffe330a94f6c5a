@echo off
rem Muestra los numeros duplicados, sin cambiar nada.
setlocal
set "SOLOLINE=%~dp0..\.venv\Scripts\sololine.exe"
if not exist "%SOLOLINE%" set "SOLOLINE=sololine"
"%SOLOLINE%" conflicts detect %*
exit /b %errorlevel%
