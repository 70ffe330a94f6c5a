@echo off
rem Deja cada numero a un solo bot y desconecta los demas.
setlocal
set "SOLOLINE=%~dp0..\.venv\Scripts\sololine.exe"
if not exist "%SOLOLINE%" set "SOLOLINE=sololine"
"%SOLOLINE%" conflicts resolve %*
exit /b %errorlevel%
